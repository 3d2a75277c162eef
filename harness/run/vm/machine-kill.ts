import {
  HarnessError,
  type ArmedFault,
  type FaultFiring,
  type Random,
} from '../../contract/index.ts';
import { armFaults } from '../arm-faults.ts';
import type { AnyReadyScenario } from '../plugin-sources.ts';
import type { ProcessEnd, TwinMachine } from './twin-machine.ts';

/** The death of the machine of one round: at an operation, drawn from those that the scenario leaves open. */
export class MachineKill {
  /** From 1. It is in the ledger when the machine dies, and nothing of it is on the drive. */
  readonly atOp: number;
  readonly #ready: AnyReadyScenario;
  readonly #random: Random;
  #armed: readonly ArmedFault[] = [];
  #killed: Promise<unknown> | undefined;

  constructor(ready: AnyReadyScenario, random: Random) {
    this.#ready = ready;
    this.#random = random;
    this.atOp = drawMoment(ready, random);
  }

  async arm(machine: Pick<TwinMachine, 'cutPower'>): Promise<void> {
    const kill = (): Promise<void> => machine.cutPower();
    this.#armed = await armFaults(this.#ready, 'workload', { machine: { kill } }, this.#random);
  }

  /** So many operations are in the ledger. Strikes before anything else is heard or recorded. */
  note(invoked: number): void {
    if (invoked < this.atOp) return;
    this.#killed ??= Promise.all(this.#armed.map((fault) => fault.trigger()));
  }

  /** Resolves once the machine is dead, if it was killed. */
  async ended(): Promise<void> {
    await this.#killed;
  }

  /** Undefined where the workload ended first. */
  get firing(): FaultFiring | undefined {
    if (this.#killed === undefined) return undefined;
    const { name, faultClass } = this.#ready.faults[0]!.module;
    return { fault: name, faultClass, atNs: 0, details: { atOp: this.atOp } };
  }
}

/** Not before the scenario's moment, and while there are operations left. */
function drawMoment({ scenario: { faults, limits } }: AnyReadyScenario, random: Random): number {
  const moment = faults[0]?.at;
  const earliest = moment !== undefined && 'atOp' in moment ? moment.atOp : 1;
  return earliest + random.fork('kill').below(Math.max(1, limits.ops - earliest));
}

/** Throws UNAVAILABLE where a process failed that nobody had killed, or a signal ended. */
export function requireEnd(end: ProcessEnd | undefined, { firing }: MachineKill): void {
  if (firing !== undefined || end?.code === 0) return;
  if (end?.crash !== undefined) throw end.crash;
  throw new HarnessError(
    'UNAVAILABLE',
    `the process in the machine failed (code ${String(end?.code)}): ${end?.errors ?? ''}`,
  );
}

export function whyNotKilled(round: number, { atOp }: MachineKill, why?: string): string {
  const ended = `round ${round} ended before operation ${atOp}, at which its machine was to be killed`;
  return why === undefined ? ended : `${ended}: ${why}`;
}
