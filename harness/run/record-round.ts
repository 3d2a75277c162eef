import {
  EngineRefusal,
  HarnessError,
  createRandom,
  geometriesOf,
  type EventSeq,
  type EngineFacts,
  type EngineSession,
  type FaultFiring,
  type HistoryEvent,
  type LatencySummary,
  type LedgerView,
  type Outcome,
  type Random,
  type RecoveredState,
  type Scenario,
  type WriteAmplification,
} from '../contract/index.ts';
import type { History } from '../drive/history.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { createLatencyHistogram } from '../measure/latency-histogram.ts';
import { assembleWriteAmplification } from '../measure/write-amplification.ts';
import { simulateFlashOf } from '../measure/write-levels/simulated-flash.ts';
import { createSimRig, usedDrives, type SimRig } from '../rigs/sim.ts';
import { driveWorkload } from './drive-workload.ts';
import { armFaults } from './arm-faults.ts';
import { outcomesOf, type OutcomeCounts } from './outcome-counts.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readBack } from './read-back.ts';

/** One run of the workload on the twin: the evidence, before anything is judged. */
export interface RoundRecord {
  readonly round: number;
  readonly history: History;
  readonly ledger: LedgerView;
  readonly firings: readonly FaultFiring[];
  readonly outcomes: OutcomeCounts;
  /** Known while it ran; a round loaded from a run directory has none of the three. */
  readonly latency: LatencySummary | undefined;
  readonly amplification: WriteAmplification | undefined;
  readonly engineFacts: EngineFacts | undefined;
  /** What the running engine served at the end, before any cut; absent when power was cut. */
  readonly live: RecoveredState | undefined;
  /** Why the history is not the whole of what was asked for. */
  readonly gap?: string | undefined;
}

/** The seed of a round: what its chance, its stamps and its foreign data are derived from. */
export function roundRandom(seed: number, round: number): Random {
  return createRandom(seed).fork(`round-${round}`);
}

/** Formats, opens and drives the engine on a fresh twin, with the scenario's faults armed. */
export async function recordRound(ready: ReadyScenario, round: number): Promise<RoundRecord> {
  const { scenario } = ready;
  const random = roundRandom(scenario.seed, round);
  const geometries = geometriesOf(scenario);
  const rig = createSimRig({
    ...usedDrives(geometries, scenario.seed),
    random,
    areas: ready.engine.areasOf(ready.engineConfig, geometries),
    record: true,
    requestsMax: requestsMaxOf(scenario),
  });
  const history = rig.history!;
  await answered(
    rig,
    `format of ${ready.engine.name}`,
    ready.engine.format(rig.devices, ready.engineConfig, rig.platform),
  );
  markFormatted(history);
  const formatBytes = rig.bytesWritten;
  const ledger = createLedger({
    seed: scenario.seed,
    onRecord: (position) => {
      history.mark(position);
    },
  });
  const session = await answered(
    rig,
    `open of ${ready.engine.name}`,
    ready.engine.open(rig.devices, ready.engineConfig, rig.platform),
  );
  const engineFacts = session.facts?.();
  await armFaults(ready, 'workload', { drive: rig.faults }, random);
  rig.beginWorkload();

  using latency = createLatencyHistogram('virtual');
  const { end } = await driveWorkload({
    session,
    workload: ready.workload.start(
      {
        space: session.space,
        opsMax: scenario.limits.ops,
        queueDepth: scenario.limits.queueDepth,
        random: random.fork('workload'),
      },
      ready.workloadOptions,
    ),
    ledger,
    clock: rig.platform.clock,
    queueDepth: scenario.limits.queueDepth,
    seed: scenario.seed,
    epoch: 1,
    onInvoke: (count) => {
      rig.noteOp(count);
    },
    onSettle: (_op, outcome: Outcome, latencyNs) => {
      if (outcome.status === 'acknowledged') latency.record(latencyNs);
    },
    dead: rig.timeline.whenIdle(),
  });
  const live = end === 'dead' ? undefined : await readLive(rig, session, ledger.view());
  // What the engine still has scheduled must not go on writing into evidence that is being judged.
  rig.timeline.halt();
  refuseMisuse(ready, rig);
  const flash =
    scenario.flash &&
    simulateFlashOf(sinceFormat(history), geometries, scenario.flash, random.fork('flash'));
  return {
    round,
    history,
    ledger: ledger.view(),
    firings: rig.firings,
    outcomes: outcomesOf(ledger.view()),
    latency: latency.summary(),
    amplification: assembleWriteAmplification(
      session.counters(),
      rig.bytesWritten - formatBytes,
      flash,
    ),
    engineFacts,
    live,
  };
}

/** An engine that breaks the rules of a block device has shown nothing, even if it goes on. */
function refuseMisuse({ engine }: ReadyScenario, { misuse }: SimRig): void {
  if (misuse === undefined) return;
  throw new HarnessError('PLUGIN_INVALID', `engine ${engine.name}: ${misuse}`);
}

/**
 * A bound far above what any engine needs: one that goes on for ever is stopped by it, and then it has
 * stopped answering (round-gaps.ts), at the same request each time.
 */
function requestsMaxOf({ limits, device, dataDevice }: Scenario): number {
  const capacityBlocks = device.capacityBlocks + (dataDevice?.capacityBlocks ?? 0);
  return 10_000 + 1000 * limits.ops + 2 * capacityBlocks;
}

/**
 * Crash states are explored from here on. What the format wrote is on record like everything else: had
 * it left something in the drive's cache, a cut would lose it.
 */
function markFormatted(history: History): void {
  history.mark(0);
}

/** The event at which the engine was formatted; the states of interest are born after it. */
export function formattedAt(history: History): EventSeq {
  return history.events.find((event) => event.kind === 'mark' && event.position === 0)?.seq ?? 0;
}

/** What an engine counts begins when it is opened; so does what is held against it. */
export function sinceFormat(history: History): readonly HistoryEvent[] {
  const formatted = formattedAt(history);
  return history.events.filter(({ seq }) => seq > formatted);
}

async function readLive(
  rig: SimRig,
  session: EngineSession,
  ledger: LedgerView,
): Promise<RecoveredState> {
  try {
    const contents = await answered(rig, 'read-back', readBack(session, ledger));
    return { opened: true, ...contents, recoveryRequests: 0, recoveryNs: 0 };
  } catch (error) {
    const refused = error instanceof EngineRefusal;
    return {
      opened: false,
      reason: refused ? error.reason : 'crashed',
      message: String(error),
      recoveryRequests: 0,
    };
  }
}

/** An engine that waits for something that can no longer happen has stopped answering. */
async function answered<T>(rig: SimRig, what: string, work: Promise<T>): Promise<T> {
  const stuck = rig.timeline.whenIdle().then((): never => {
    throw new HarnessError('UNAVAILABLE', `${what} never answered: nothing is in flight any more`);
  });
  return Promise.race([work, stuck]);
}
