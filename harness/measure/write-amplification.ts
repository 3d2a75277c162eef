import type {
  EngineCounters,
  SimulatedFlashWrites,
  WriteAmplification,
} from '../contract/index.ts';

/**
 * Puts what the engine submitted beside what the drive received. `deviceBytes` is undefined where
 * the drive does not say; it is never taken from the engine's own count. `simulatedFlash` is of a
 * model, where there is one.
 */
export function assembleWriteAmplification(
  engine: EngineCounters,
  deviceBytes: number | undefined,
  simulatedFlash?: SimulatedFlashWrites,
): WriteAmplification {
  return {
    userBytes: engine.userBytes,
    engineBytes: { ...engine.writtenBytes },
    deviceBytes,
    flushes: engine.flushes,
    fuaWrites: engine.fuaWrites,
    ...(simulatedFlash && { simulatedFlash }),
  };
}

/** What an engine did between two readings of its counters. */
export function countersBetween(before: EngineCounters, after: EngineCounters): EngineCounters {
  return {
    userBytes: after.userBytes - before.userBytes,
    writtenBytes: combine(after.writtenBytes, before.writtenBytes, (a, b) => a - b),
    flushes: after.flushes - before.flushes,
    fuaWrites: after.fuaWrites - before.fuaWrites,
  };
}

/**
 * Adds the rounds of a cell; undefined for none. The sum's device bytes are known only where every
 * round knew them; its flash is simulated only where every round's was.
 */
export function addWriteAmplification(
  rounds: readonly WriteAmplification[],
): WriteAmplification | undefined {
  if (rounds.length === 0) return undefined;
  return rounds.reduce((sum, round): WriteAmplification => ({
    userBytes: sum.userBytes + round.userBytes,
    engineBytes: combine(sum.engineBytes, round.engineBytes, (a, b) => a + b),
    deviceBytes: addKnown(sum.deviceBytes, round.deviceBytes),
    flushes: sum.flushes + round.flushes,
    fuaWrites: sum.fuaWrites + round.fuaWrites,
    ...(sum.simulatedFlash &&
      round.simulatedFlash && {
        simulatedFlash: addFlash(sum.simulatedFlash, round.simulatedFlash),
      }),
  }));
}

function addFlash(one: SimulatedFlashWrites, other: SimulatedFlashWrites): SimulatedFlashWrites {
  return {
    hostBytes: one.hostBytes + other.hostBytes,
    programmedBytes: one.programmedBytes + other.programmedBytes,
    erases: one.erases + other.erases,
  };
}

/** Ratios, each between two neighbouring levels; undefined where a level is unknown or empty. */
export interface WriteAmplificationRatios {
  /** Bytes the engine submitted for each byte of the user. */
  readonly engine: number | undefined;
  /** Bytes the drive received for each byte the engine submitted. */
  readonly device: number | undefined;
  /** Bytes the drive received for each byte of the user. */
  readonly total: number | undefined;
}

export function ratiosOf(amplification: WriteAmplification): WriteAmplificationRatios {
  const engineBytes = Object.values(amplification.engineBytes).reduce((sum, n) => sum + n, 0);
  return {
    engine: ratio(engineBytes, amplification.userBytes),
    device: ratio(amplification.deviceBytes, engineBytes),
    total: ratio(amplification.deviceBytes, amplification.userBytes),
  };
}

function ratio(bytes: number | undefined, ofBytes: number): number | undefined {
  return bytes === undefined || ofBytes === 0 ? undefined : bytes / ofBytes;
}

function addKnown(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? undefined : left + right;
}

function combine(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
  by: (left: number, right: number) => number,
): Record<string, number> {
  const purposes = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries(
    [...purposes].map((purpose) => [purpose, by(left[purpose] ?? 0, right[purpose] ?? 0)]),
  );
}
