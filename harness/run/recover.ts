import {
  EngineRefusal,
  type BlockDevice,
  type EngineSession,
  type LedgerView,
  type Platform,
  type RecoveredState,
} from '../contract/index.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readBack } from './read-back.ts';

export interface RecoverOptions {
  readonly ready: ReadyScenario;
  readonly device: BlockDevice;
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
  const hung = options.dead().then((): Recovered => ({
    state: {
      opened: false,
      reason: 'hung',
      message: `no answer after ${options.requests()} device requests`,
      recoveryRequests: options.requests(),
    },
    session: undefined,
  }));
  return Promise.race([openAndRead(options), hung]);
}

async function openAndRead(options: RecoverOptions): Promise<Recovered> {
  const { ready, device, platform } = options;
  const startedNs = platform.clock.now();
  try {
    const session = await ready.engine.open(device, ready.engineConfig, platform);
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
