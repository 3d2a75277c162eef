import { randomInt } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  HarnessError,
  createRandom,
  nounFor,
  type AckLedger,
  type ArmedFault,
  type EngineCounters,
  type EngineFacts,
  type Failure,
  type FaultFiring,
  type Random,
} from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { encodeLedger } from '../ledger/ledger-file.ts';
import { createLatencyHistogram, type LatencyHistogram } from '../measure/latency-histogram.ts';
import { assembleWriteAmplification } from '../measure/write-amplification.ts';
import { armFaults } from './arm-faults.ts';
import type { CellAccount } from './cell-account.ts';
import type { EngineHome, HousedEngine } from './engine-home.ts';
import type { HostJob } from './engine-host.ts';
import type { EngineProcess } from './engine-process.ts';
import { restoreRecovered, type HostMessage, type SavedRecoveredState } from './host-messages.ts';
import { judgeKill, saveKill, type SavedKill } from './saved-kill.ts';
import { outcomesOf } from './outcome-counts.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { promiseToJudgeBy } from './promise-in-force.ts';
import type { CellContext } from './run-scenario.ts';

export interface KillRoundsOptions {
  readonly ready: ReadyScenario;
  readonly context: CellContext;
  readonly account: CellAccount;
  readonly home: EngineHome;
  /** Aborted when the cell must stop now: the engine's process is killed, and what it says is void. */
  readonly stop: AbortSignal;
}

/** The rounds of one device: each drives an epoch and kills it, the next one recovers from it. */
export class KillRounds {
  readonly #options: KillRoundsOptions;
  readonly #ledger: AckLedger;
  readonly #random: Random;
  readonly #firings: FaultFiring[] = [];
  #epoch = 1;
  #starts = 0;

  constructor(options: KillRoundsOptions) {
    const { seed } = options.ready.scenario;
    this.#options = options;
    // Stamps of an earlier run on the same device must not look like those of this one.
    this.#ledger = createLedger({ seed: randomInt(2 ** 32) });
    this.#random = createRandom(seed).fork('kills');
  }

  async format(): Promise<void> {
    await this.#finish(this.#start('format'), 'format');
  }

  /** Recovers what the round before left, drives the workload and kills it in the middle. */
  async driveAndKill(round: number): Promise<void> {
    const host = this.#start('drive');
    const armed = await armFaults(this.#options.ready, 'workload', host.faultTargets, this.#random);
    try {
      await this.#driveUntilKilled(round, host, armed);
    } finally {
      // Only now that the process is dead: nothing of it may reach a device that obeys again.
      for (const fault of armed) await fault[Symbol.asyncDispose]();
    }
  }

  async #driveUntilKilled(
    round: number,
    host: HousedEngine,
    armed: readonly ArmedFault[],
  ): Promise<void> {
    const killAt = this.#drawKill(round);
    let isCrashed = false;
    using drive = new DriveWatch(this.#ledger.view().entries.length);
    for await (const message of host.messages) {
      if (message[0] === 'recovered') this.#recovered(message[1]);
      else drive.note(message, this.#ledger);
      if (isCrashed || drive.invoked < killAt) continue;
      isCrashed = true;
      await host.crash(armed);
    }
    const { signal } = await this.#finish(host, 'workload');
    if (this.#options.stop.aborted) return;
    if (signal === 'SIGKILL') this.#killed(drive.invoked);
    this.#addRound(round, drive, signal === 'SIGKILL');
  }

  /** Recovers after the last kill and reads back; nothing more is driven. */
  async recoverLast(): Promise<void> {
    const host = this.#start('recover-only');
    for await (const message of host.messages) {
      if (message[0] === 'recovered') this.#recovered(message[1]);
    }
    await this.#finish(host, 'last recovery');
  }

  saveLedger(): void {
    const { directory, id } = this.#options.context;
    directory?.saveEvidence(id, 'round-0.ledger', encodeLedger(this.#ledger.view()));
  }

  /** A kill cannot be replayed to the byte: the failure names the state and the ledger. */
  failures(): readonly Failure[] {
    const { account, context } = this.#options;
    return account.tally.worst().map(({ state, violation }) => ({
      violation,
      state,
      reproduce: `powercut verify ${context.directory?.path ?? 'RUN_DIRECTORY'}`,
      proof: undefined,
      expectedBytes: undefined,
      foundBytes: undefined,
      foundStamp: undefined,
    }));
  }

  #start(action: HostJob['action']): HousedEngine {
    const { ready, home, stop } = this.#options;
    // A file of its own each time: who reads it from a shared folder may remember the one before.
    const ledgerFile = path.join(home.folder, `ledger-${++this.#starts}`);
    fs.writeFileSync(ledgerFile, encodeLedger(this.#ledger.view()));
    const host = home.start({
      scenario: ready.scenario,
      sources: ready.sources,
      targets: home.targets,
      ledgerFile,
      action,
      epoch: this.#epochToCome(),
    });
    killWhenStopped(host, stop);
    return host;
  }

  async #finish(host: EngineProcess, what: string): ReturnType<() => EngineProcess['ended']> {
    const ended = await host.ended;
    const wasKilled = ended.signal === 'SIGKILL' || this.#options.stop.aborted;
    if (!wasKilled && ended.code !== 0) {
      throw new HarnessError(
        'UNAVAILABLE',
        `the engine process failed during the ${what} (code ${String(ended.code)}): ${ended.errors}`,
      );
    }
    return ended;
  }

  /** That of what the next process drives: once anything has been driven, it begins with a recovery. */
  #epochToCome(): number {
    return this.#ledger.view().end > 0 ? this.#epoch + 1 : this.#epoch;
  }

  /** Not before the scenario's moment, and while there are operations left. */
  #drawKill(round: number): number {
    const { ready } = this.#options;
    const moment = ready.faults[0]?.spec.at;
    const earliest = moment !== undefined && 'atOp' in moment ? moment.atOp : 1;
    const later = Math.max(1, ready.scenario.limits.ops - earliest);
    return earliest + this.#random.fork(`round-${round}`).below(later);
  }

  #killed(invoked: number): void {
    const [fault] = this.#options.ready.faults;
    const firing: FaultFiring = {
      fault: fault?.module.name ?? 'kill',
      faultClass: fault?.module.faultClass ?? 'process-kill',
      atNs: 0,
      details: { afterOps: invoked, epoch: this.#epoch },
    };
    this.#firings.push(firing);
    this.#options.context.emit({ type: 'fault-fired', cell: this.#options.context.id, firing });
    this.#ledger.mark({ kind: 'fault', firing });
    this.#ledger.mark({ kind: 'crash', endedEpoch: this.#epoch });
  }

  /** The first opening follows the format and shows nothing; each later one follows a kill. */
  #recovered(saved: SavedRecoveredState): void {
    const state = restoreRecovered(saved);
    const { end } = this.#ledger.view();
    if (this.#firings.length > 0) {
      const { ready, context, account, home } = this.#options;
      const kill: SavedKill = {
        round: this.#firings.length - 1,
        position: end,
        geometry: home.geometries.main,
        ...(home.geometries.data && { dataGeometry: home.geometries.data }),
        recovered: saved,
      };
      if (context.directory !== undefined) saveKill(context.directory, context.id, kill);
      account.addState(judgeKill(ready, this.#ledger.view(), kill));
    }
    if (!state.opened) return;
    if (end > 0) {
      this.#epoch++;
      this.#ledger.mark({ kind: 'recovered', epoch: this.#epoch, observed: state.observed });
    }
  }

  #addRound(round: number, drive: DriveWatch, killed: boolean): void {
    const { ready, account, home } = this.#options;
    const contract = ready.engine.contractFor(ready.engineConfig, home.geometries);
    if (!killed) account.gaps.add(whyNotKilled(round, drive));
    account.addRound({
      outcomes: outcomesOf(this.#ledger.view(), drive.since),
      latency: drive.latency.summary(),
      amplification:
        drive.counters === undefined
          ? undefined
          : assembleWriteAmplification(drive.counters, undefined),
      engineFacts: factsOf(drive.engineFacts, home.facts?.()),
      firings: this.#firings.slice(round),
      coverage: [],
      promise: promiseToJudgeBy(ready.scenario, contract, this.#firings),
      contract,
    });
  }
}

function factsOf(
  engine: EngineFacts | undefined,
  home: EngineFacts | undefined,
): EngineFacts | undefined {
  return engine === undefined && home === undefined ? undefined : { ...engine, ...home };
}

function killWhenStopped(host: EngineProcess, stop: AbortSignal): void {
  const kill = (): void => {
    host.kill('SIGKILL');
  };
  if (stop.aborted) kill();
  else stop.addEventListener('abort', kill, { once: true });
  const forget = (): void => {
    stop.removeEventListener('abort', kill);
  };
  host.ended.then(forget, forget);
}

function whyNotKilled(round: number, { hasEnded, invoked }: DriveWatch): string {
  const operations = `${invoked} ${nounFor(invoked, 'operation')}`;
  return hasEnded
    ? `round ${round} ended after ${operations}, before it was killed`
    : `the engine stopped answering in round ${round}, after ${operations}`;
}

/** Keeps the ledger from what the process says, and the figures of one epoch. */
class DriveWatch implements Disposable {
  readonly latency: LatencyHistogram = createLatencyHistogram('real');
  readonly #invokedNs = new Map<number, number>();
  /** Operations of the epochs before. */
  readonly since: number;
  counters: EngineCounters | undefined;
  engineFacts: EngineFacts | undefined;
  invoked = 0;

  constructor(since: number) {
    this.since = since;
  }
  /** Whether the workload came to its end: it was done, or the engine refused all further operations. */
  hasEnded = false;

  note(message: HostMessage, ledger: AckLedger): void {
    switch (message[0]) {
      case 'invoke': {
        const [, id, op, writer, atNs] = message;
        const known = ledger.invoke(op, writer, atNs);
        if (known !== id)
          throw new HarnessError('EVIDENCE_DAMAGED', `operation ${id} came as number ${known}`);
        this.invoked++;
        this.#invokedNs.set(id, atNs);
        return;
      }
      case 'settle': {
        const [, id, outcome, atNs] = message;
        ledger.settle(id, outcome, atNs);
        if (outcome.status === 'acknowledged') this.latency.record(atNs - this.#invokedNs.get(id)!);
        return;
      }
      case 'counters':
        this.counters = message[1];
        return;
      case 'facts':
        this.engineFacts = message[1];
        return;
      case 'end':
        this.hasEnded = true;
        return;
      case 'recovered':
        return;
    }
  }

  [Symbol.dispose](): void {
    this.latency[Symbol.dispose]();
  }
}
