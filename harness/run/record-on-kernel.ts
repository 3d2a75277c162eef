import {
  EngineRefusal,
  HarnessError,
  type EngineDevices,
  type EngineSession,
  type LedgerPosition,
  type LedgerView,
  type RecoveredState,
} from '../contract/index.ts';
import type { History } from '../drive/history.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { createLatencyHistogram } from '../measure/latency-histogram.ts';
import { assembleWriteAmplification } from '../measure/write-amplification.ts';
import { openTargetDevice } from '../rigs/device.ts';
import { startKernelTwin, type KernelTwin } from '../rigs/fuse.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import { armFaults } from './arm-faults.ts';
import { driveWorkload } from './drive-workload.ts';
import { outcomesOf } from './outcome-counts.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readBack } from './read-back.ts';
import { roundRandom, sinceFormat, type RoundRecord } from './record-round.ts';
import type { ResourceLedger } from './resources.ts';

/**
 * One run of a block workload with the kernel's block layer between engine and twin: what reaches the
 * drive is what the kernel makes of the engine's requests. Explored like any other history.
 */
export async function recordOnKernel(
  ready: ReadyScenario,
  round: number,
  resources: ResourceLedger,
  stop: AbortSignal,
): Promise<RoundRecord> {
  const { scenario, engine, engineConfig } = ready;
  const platform = createRealPlatform();
  await using twin = await startKernelTwin({
    geometry: scenario.device,
    seed: scenario.seed,
    resources,
  });
  await using main = await openTargetDevice({ node: twin.node, isOwn: true });
  const devices: EngineDevices = { main };
  await engine.format(devices, engineConfig, platform);
  await twin.mark(0);
  const random = roundRandom(scenario.seed, round);
  const marks = new MarkQueue(twin);
  const ledger = createLedger({
    seed: scenario.seed,
    onRecord: (position) => {
      marks.add(position);
    },
  });
  const session = await engine.open(devices, engineConfig, platform);
  const engineFacts = session.facts?.();
  await armFaults(ready, 'workload', { drive: twin }, random);
  await twin.beginWorkload();
  using latency = createLatencyHistogram('real');
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
    clock: platform.clock,
    queueDepth: scenario.limits.queueDepth,
    seed: scenario.seed,
    epoch: 1,
    onInvoke: (count) => {
      marks.noteOp(count);
    },
    beforeSubmit: () => marks.placed(),
    onSettle: (_op, outcome, latencyNs) => {
      if (outcome.status === 'acknowledged') latency.record(latencyNs);
    },
    dead: Promise.race([aborted(stop), twin.powerLost]),
  });
  await marks.placed();
  const live = end === 'dead' ? undefined : await readLive(session, ledger.view());
  const history = await twin.cut();
  return {
    round,
    history,
    ledger: ledger.view(),
    firings: twin.firings,
    outcomes: outcomesOf(ledger.view()),
    latency: latency.summary(),
    amplification: assembleWriteAmplification(session.counters(), bytesWritten(history)),
    engineFacts,
    live,
  };
}

/**
 * Places marks in their order. A mark is placed at once unless the drive's process is behind with
 * taking them; then those that follow wait for it, and so does what they announce.
 */
class MarkQueue {
  readonly #twin: KernelTwin;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(twin: KernelTwin) {
    this.#twin = twin;
  }

  add(position: LedgerPosition): void {
    this.#place(() => this.#twin.mark(position));
  }

  /** The workload's n-th operation is about to be submitted. */
  noteOp(n: number): void {
    this.#place(() => this.#twin.noteOp(n));
  }

  #place(place: () => Promise<void>): void {
    const placed = this.#waiting === 0 ? place() : this.#last.then(place);
    this.#waiting++;
    this.#last = placed.finally(() => {
      this.#waiting--;
    });
    // `placed` passes a failure on to whoever waits; nobody has to.
    this.#last.catch(() => undefined);
  }

  placed(): Promise<void> {
    return this.#last;
  }
}

function bytesWritten(history: History): number {
  return sinceFormat(history).reduce(
    (sum, event) =>
      event.kind === 'complete' && event.request === 'write' ? sum + event.byteCount : sum,
    0,
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

async function readLive(session: EngineSession, ledger: LedgerView): Promise<RecoveredState> {
  try {
    const contents = await readBack(session, ledger);
    return { opened: true, ...contents, recoveryRequests: 0, recoveryNs: 0 };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    const reason = error instanceof EngineRefusal ? error.reason : 'crashed';
    return { opened: false, reason, message: String(error), recoveryRequests: 0 };
  }
}
