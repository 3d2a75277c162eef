/** Codes of the failures of the harness itself. Never used for what an engine under test did. */
export type HarnessErrorCode =
  | 'CONFIG_INVALID'
  | 'DEVICE_REFUSED'
  | 'DEVICE_UNALIGNED'
  | 'DEVICE_OUT_OF_RANGE'
  | 'EVIDENCE_DAMAGED'
  | 'INTERRUPTED'
  | 'LIMIT_EXCEEDED'
  | 'PLUGIN_NOT_FOUND'
  | 'PLUGIN_INVALID'
  | 'SYSTEM_CALL_FAILED'
  | 'UNAVAILABLE';

/**
 * The harness could not do its job. The message says what failed, the value, what was expected and,
 * where it can be known, how to fix it.
 */
export class HarnessError extends Error {
  override readonly name = 'HarnessError';
  readonly code: HarnessErrorCode;

  constructor(code: HarnessErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type DeviceErrorCode = 'EIO' | 'ENOSPC' | 'EINVAL' | 'EOPNOTSUPP';

/** What a device answers to a request that failed: data for the engine, as errno is. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly code: DeviceErrorCode;
  readonly operation: 'read' | 'write' | 'flush' | 'discard';

  constructor(code: DeviceErrorCode, operation: DeviceError['operation'], detail: string) {
    super(`${operation} failed with ${code}: ${detail}`);
    this.code = code;
    this.operation = operation;
  }
}

/** Why an engine declined. `corrupt` and `device-error` count as detection (see FaultPromise). */
export type RefusalReason =
  'not-formatted' | 'corrupt' | 'device-error' | 'incompatible' | 'full' | 'too-large' | 'closed';

/**
 * An engine declines to open, to read or to take an operation rather than answer wrongly. Anything
 * else that an adapter throws is held against it as a crash of the engine.
 */
export class EngineRefusal extends Error {
  override readonly name = 'EngineRefusal';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
