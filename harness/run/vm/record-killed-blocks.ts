import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  HarnessError,
  type AckLedger,
  type EngineCounters,
  type EngineFacts,
} from '../../contract/index.ts';
import { createLedger } from '../../ledger/ack-ledger.ts';
import { encodeLedger } from '../../ledger/ledger-file.ts';
import { assembleWriteAmplification } from '../../measure/write-amplification.ts';
import { moduleCommand } from '../../rigs/vm/guest-targets.ts';
import type { HostJob } from '../engine-host.ts';
import { engineHostModule } from '../engine-process.ts';
import type { HostMessage } from '../host-messages.ts';
import { outcomesOf } from '../outcome-counts.ts';
import type { ReadyScenario } from '../plugin-sources.ts';
import { roundRandom, type RoundRecord } from '../record-round.ts';
import { MachineKill, requireEnd, whyNotKilled } from './machine-kill.ts';
import { TwinMachine, type ProcessEnd, type TwinMachineOptions } from './twin-machine.ts';

export interface RecordKilledBlocksOptions extends Pick<
  TwinMachineOptions,
  'resources' | 'stop' | 'consoleFile' | 'onNote'
> {
  readonly ready: ReadyScenario;
  readonly round: number;
  onProgress(done: number, total: number): void;
}

/**
 * A block workload in a machine of its own, which is killed in the middle of it together with the volatile cache of its
 * drive. Rejects with UNAVAILABLE where it had to stop before that.
 */
export async function recordKilledBlocks(options: RecordKilledBlocksOptions): Promise<RoundRecord> {
  const { ready, round } = options;
  const { scenario } = ready;
  const kill = new MachineKill(ready, roundRandom(scenario.seed, round));
  const witness = new BlockWitness(options, kill);
  await using machine = await TwinMachine.boot({
    ...options,
    geometry: scenario.device,
    seed: scenario.seed,
    areas: ready.engine.areasOf(ready.engineConfig, { main: scenario.device }),
    onLine: (line, store) => {
      witness.hear(JSON.parse(line) as HostMessage, (position) => {
        store.mark(position);
      });
    },
  });
  await kill.arm(machine);
  const { store } = machine;
  const formatted = await runHost(machine, options, 'format');
  requireEnd(formatted, kill);
  // Crash states are explored from here on.
  store.mark(0);
  requireEnd(await runHost(machine, options, 'drive'), kill);
  await machine.cutPower();
  await kill.ended();
  const { firing } = kill;
  if (firing !== undefined) store.history.fault(0, firing);
  const ledger = witness.ledger.view();
  return {
    round,
    history: store.history,
    ledger,
    firings: firing === undefined ? [] : [firing],
    outcomes: outcomesOf(ledger),
    // Under an emulator: never a figure of performance.
    latency: undefined,
    amplification: witness.amplification,
    engineFacts: { ...witness.facts, ...machine.facts },
    live: undefined,
    gap: firing === undefined ? whyNotKilled(round, kill, witness.gap) : undefined,
  };
}

/** Each round has a workload of its own; the stamps are those of the scenario's seed. */
function runHost(
  machine: TwinMachine,
  { ready: { scenario, sources }, round }: RecordKilledBlocksOptions,
  action: HostJob['action'],
): Promise<ProcessEnd | undefined> {
  const ledgerFile = path.join(machine.folder, 'ledger');
  fs.writeFileSync(ledgerFile, encodeLedger(createLedger({ seed: scenario.seed }).view()));
  const job: HostJob = {
    scenario: { ...scenario, seed: scenario.seed + round },
    sources,
    targets: { main: { node: machine.node, isOwn: true } },
    ledgerFile,
    action,
    epoch: 1,
  };
  return machine.run(moduleCommand(engineHostModule), JSON.stringify(job));
}

/** Keeps the ledger by what the machine says. */
class BlockWitness {
  readonly ledger: AckLedger;
  facts: EngineFacts | undefined;
  /** Why the workload did not come to its end, as far as is known. */
  gap: string | undefined;
  readonly #options: RecordKilledBlocksOptions;
  readonly #kill: MachineKill;
  #counters: EngineCounters | undefined;
  #mark: (position: number) => void = () => undefined;
  #invoked = 0;

  constructor(options: RecordKilledBlocksOptions, kill: MachineKill) {
    this.#options = options;
    this.#kill = kill;
    this.ledger = createLedger({
      seed: options.ready.scenario.seed,
      onRecord: (position) => {
        this.#mark(position);
      },
    });
  }

  get amplification(): RoundRecord['amplification'] {
    if (this.#counters === undefined) return undefined;
    return assembleWriteAmplification(this.#counters, undefined);
  }

  hear(message: HostMessage, mark: (position: number) => void): void {
    this.#mark = mark;
    switch (message[0]) {
      case 'recovered':
        if (!message[1].opened) this.gap = `the engine did not open: ${message[1].message}`;
        return;
      case 'facts':
        this.facts = message[1];
        return;
      case 'invoke':
        this.#invoke(message);
        return;
      case 'settle':
        this.ledger.settle(message[1], message[2], message[3]);
        return;
      case 'counters':
        this.#counters = message[1];
        return;
      case 'end':
        if (message[1] === 'engine-stopped') this.gap = 'the engine refused all further operations';
        return;
    }
  }

  #invoke([, id, op, writer, atNs]: Extract<HostMessage, readonly ['invoke', ...unknown[]]>): void {
    const known = this.ledger.invoke(op, writer, atNs);
    if (known !== id) {
      throw new HarnessError('EVIDENCE_DAMAGED', `operation ${id} came as number ${known}`);
    }
    this.#invoked++;
    this.#options.onProgress(this.#invoked, this.#options.ready.scenario.limits.ops);
    this.#kill.note(this.#invoked);
  }
}
