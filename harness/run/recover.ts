import {
  EngineRefusal,
  HarnessError,
  nounFor,
  type EngineDevices,
  type EngineSession,
  type LedgerView,
  type Platform,
  type RecoveredState,
} from '../contract/index.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readBack } from './read-back.ts';

export interface RecoverOptions {
  readonly ready: ReadyScenario;
  readonly devices: EngineDevices;
  readonly platform: Platform;
  readonly ledger: LedgerView;
  /** Resolves when nothing more can happen: an engine still waiting then is hung. */
  dead(): Promise<void>;
  requests(): number;
}

export interface Recovered {
  readonly state: RecoveredState;
  /** Present when the engine opened and could be read. */
  readonly session: EngineSession | undefined;
}

/** Opens the engine on what the crash left, and reads everything back. */
export async function recoverAndRead(options: RecoverOptions): Promise<Recovered> {
  const progress = { isDone: false };
  const working = openAndRead(options).then((recovered) => {
    progress.isDone = true;
    return recovered;
  });
  await Promise.race([working, options.dead()]);
  if (progress.isDone) return working;
  await refuseOutsideTime(working);
  return hungState(options.requests());
}

function hungState(requests: number): Recovered {
  const message = `no answer after ${requests} device ${nounFor(requests, 'request')}`;
  return {
    state: { opened: false, reason: 'hung', message, recoveryRequests: requests },
    session: undefined,
  };
}

/** Real time in which an engine that only looked hung would show that it is not. */
const graceMs = 50;

/**
 * On the twin all waiting is on virtual time. An engine that goes on after the timeline has come to
 * rest waits for something real (a thread, a timer): it is not hung, but nothing can be said of it.
 */
async function refuseOutsideTime(working: Promise<Recovered>): Promise<void> {
  const ended = await Promise.race([
    working.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, graceMs, false)),
  ]);
  if (!ended) return;
  throw new HarnessError(
    'UNAVAILABLE',
    'the engine waits for something outside the simulated time (a thread, a timer, real I/O), so its recovery cannot be simulated',
  );
}

async function openAndRead(options: RecoverOptions): Promise<Recovered> {
  const { ready, devices, platform } = options;
  const startedNs = platform.clock.now();
  try {
    const session = await ready.engine.open(devices, ready.engineConfig, platform);
    const recoveryRequests = options.requests();
    const recoveryNs = platform.clock.now() - startedNs;
    const contents = await readBack(session, options.ledger);
    return { state: { opened: true, ...contents, recoveryRequests, recoveryNs }, session };
  } catch (error) {
    const refused = error instanceof EngineRefusal;
    return {
      state: {
        opened: false,
        reason: refused ? error.reason : 'crashed',
        message: refused ? error.message : describeCrash(error),
        recoveryRequests: options.requests(),
      },
      session: undefined,
    };
  }
}

function describeCrash(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
