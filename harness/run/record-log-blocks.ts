import {
  HarnessError,
  nounFor,
  type BlockDevice,
  type EngineFacts,
  type FaultFiring,
  type LedgerView,
} from '../contract/index.ts';
import { LogWritesDevice } from '../device/device-mapper-log-writes.ts';
import type { History } from '../drive/history.ts';
import { historiesOfLog, type LogHistories } from '../drive/write-log/log-histories.ts';
import { WriteLog } from '../drive/write-log/write-log.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { assembleWriteAmplification } from '../measure/write-amplification.ts';
import { openTargetDevice, type TargetDevice } from '../rigs/device.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import { armFaults } from './arm-faults.ts';
import { driveWorkload } from './drive-workload.ts';
import { mappingName } from './files/mapping-name.ts';
import { cutMomentOf } from './files/cut-moment.ts';
import { imageOfDevice } from './files/record-log.ts';
import { mappedNode, usableOf } from './mapped-home.ts';
import { outcomesOf } from './outcome-counts.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { PositionMarks } from './position-marks.ts';
import { logFault } from './real-crashes.ts';
import { roundRandom, type RoundRecord } from './record-round.ts';
import { firingsOf } from './saved-round.ts';
import type { ResourceLedger } from './resources.ts';

export interface RecordLogBlocksOptions {
  readonly ready: ReadyScenario;
  readonly round: number;
  readonly resources: ResourceLedger;
  readonly target: TargetDevice;
  /** For the log. */
  readonly log: TargetDevice;
  readonly stop: AbortSignal;
}

/** From here on crash states are explored: the engine is formatted, and not yet open. */
const startMark = 'pos-0';
/** What the fault sets; what comes later is not looked at. */
const stopMark = 'cut';

/**
 * One run of a block workload on a real device with dm-log-writes above it. The log of what reached the
 * device is a history like any other, of which crash states are explored.
 */
export async function recordLogBlocks(options: RecordLogBlocksOptions): Promise<RoundRecord> {
  const { ready, round, target, log } = options;
  await format(ready, target);
  const base = imageOfDevice(target.node, target.geometry);
  const driven = await driveAboveLog(options);
  await using writes = WriteLog.open(log.node, {
    until: 'entry-count',
    capacityBlocks: target.geometry.capacityBlocks,
  });
  const found = historiesOfLog(writes, {
    semantics: logFault,
    name: ready.engine.name,
    base,
    startMark,
    stopMark,
    flushesInFlightMax: Math.max(flushesInFlightUsual, ready.scenario.limits.queueDepth),
  });
  const history = longestOf(found);
  // The log has no faults: power loss at its end is what makes crash states of it.
  history.fault(0, firing);
  return {
    round,
    history,
    ledger: driven.ledger,
    firings: firingsOf(history),
    outcomes: outcomesOf(driven.ledger),
    // An operation waits for its mark in the log, which takes far longer than the engine does.
    latency: undefined,
    amplification: driven.amplification,
    engineFacts: driven.facts,
    live: undefined,
    gap: driven.gap ?? gapOf(found),
  };
}

/**
 * Beneath the log, so that it begins with what is known: of what is written twice in a few moments, as
 * formats do, a log may leave open which write came last.
 */
async function format(
  { engine, engineConfig }: ReadyScenario,
  { node, isOwn }: TargetDevice,
): Promise<void> {
  await using main = await openTargetDevice({ node, isOwn });
  await engine.format({ main }, engineConfig, createRealPlatform());
}

/** An engine may flush for several operations at a time, and in the background. */
const flushesInFlightUsual = 4;

const firing: FaultFiring = { fault: logFault, faultClass: 'power-loss', atNs: 0, details: {} };

interface DrivenBlocks {
  readonly ledger: LedgerView;
  readonly amplification: RoundRecord['amplification'];
  readonly facts: EngineFacts | undefined;
  readonly gap: string | undefined;
}

async function driveAboveLog(options: RecordLogBlocksOptions): Promise<DrivenBlocks> {
  const { resources, target, log } = options;
  await using device = await LogWritesDevice.create(
    { name: mappingName(), ...usableOf(target), log: log.node },
    resources,
  );
  await using main = await openTargetDevice(await mappedNode(device.node));
  return await driveEngine(options, device, main);
}

async function driveEngine(
  { ready, round, stop }: RecordLogBlocksOptions,
  device: LogWritesDevice,
  main: BlockDevice,
): Promise<DrivenBlocks> {
  const { scenario, engine, engineConfig } = ready;
  const { queueDepth, ops } = scenario.limits;
  const platform = createRealPlatform();
  await device.mark(startMark);
  const random = roundRandom(scenario.seed, round);
  const marks = new PositionMarks(device);
  const ledger = createLedger({
    seed: scenario.seed,
    onRecord: (position) => {
      marks.reach(position);
    },
  });
  const session = await engine.open({ main }, engineConfig, platform);
  const facts = session.facts?.();
  const armed = await armFaults(ready, 'workload', { 'device-mapper': { log: device } }, random);
  const cut = new CutMoment(Math.min(cutMomentOf(scenario), ops));
  const { end } = await driveWorkload({
    session,
    workload: ready.workload.start(
      { space: session.space, opsMax: ops, queueDepth, random: random.fork('workload') },
      ready.workloadOptions,
    ),
    ledger,
    clock: platform.clock,
    queueDepth,
    seed: scenario.seed,
    epoch: 1,
    onInvoke: (count) => {
      cut.note(count);
    },
    beforeSubmit: () => cut.unlessCut(marks.placed()),
    onSettle: () => undefined,
    dead: Promise.race([aborted(stop), cut.come]),
  });
  const view = ledger.view();
  await marks.end();
  for (const fault of armed) await fault.trigger();
  return {
    ledger: view,
    amplification: assembleWriteAmplification(session.counters(), undefined),
    facts,
    gap: cut.isCome || end === 'finished' ? undefined : whyEarly(end, round),
  };
}

function whyEarly(end: 'engine-stopped' | 'dead', round: number): string {
  return end === 'dead'
    ? 'out of time or interrupted while the workload ran'
    : `the engine refused all further operations in round ${round}, though no fault explains it`;
}

/** The operation at which the log is to end is in the ledger, and never submitted. */
class CutMoment {
  readonly #atOp: number;
  isCome = false;
  #signal: () => void = () => undefined;
  readonly come = new Promise<void>((resolve) => {
    this.#signal = resolve;
  });

  constructor(atOp: number) {
    this.#atOp = atOp;
  }

  note(count: number): void {
    if (count < this.#atOp) return;
    this.isCome = true;
    this.#signal();
  }

  /** Never resolves for what comes after the cut. */
  async unlessCut(before: Promise<void>): Promise<void> {
    const isTooLate = this.isCome;
    await before;
    if (isTooLate) await new Promise<never>(() => undefined);
  }
}

/** One of a whole log; of a log with gaps, the part that says most. */
function longestOf({ histories, gaps }: LogHistories): History {
  const [longest] = histories
    .map(({ history }) => history)
    .sort((one, other) => other.end - one.end);
  if (longest !== undefined) return longest;
  throw new HarnessError(
    'UNAVAILABLE',
    `the log leaves open which of two writes to LBA ${gaps[0]?.lba ?? 0} came last, and no part of it is known whole`,
  );
}

function gapOf({ gaps, histories }: LogHistories): string | undefined {
  const [first] = gaps;
  if (first === undefined) return undefined;
  return (
    `the log leaves open which of two writes to LBA ${first.lba} came last, from entry ` +
    `${first.firstEntry} on: one of ${histories.length} known ${nounFor(histories.length, 'stretch', 'stretches')} was explored`
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}
