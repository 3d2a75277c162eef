import { DeviceError, EngineRefusal } from '../../harness/contract/index.ts';

/**
 * The operation had been given its LSN when the journal stopped: it may or may not take effect. An
 * operation that was refused before that rejects with EngineRefusal instead, and has no effect.
 */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** What a device failed to do becomes a refusal; anything else passes as it is. */
export function refusalFor(doing: string, error: unknown): unknown {
  if (!(error instanceof DeviceError)) return error;
  return new EngineRefusal('device-error', `${doing}: ${error.message}`, { cause: error });
}
