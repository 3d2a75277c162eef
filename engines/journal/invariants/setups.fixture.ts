import fc from 'fast-check';
import type { DeviceGeometry } from '../../../harness/contract/index.ts';
import { journalOptions, type JournalConfig, type JournalOptions } from '../config.ts';
import type { DoubleWriteMode, VolumeModeName } from '../format/modes.ts';
import { driveGeometry } from '../twin.fixture.ts';

/** A drive and a journal on it, small enough that a ring is lapped within a few operations. */
export interface Setup {
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly config: JournalConfig;
}

/** Blocks that the scripts write to; the volume has more, which must never change. */
export const modelBlocks = 24;
const dataBlocks = 28;

export interface Choices {
  readonly logicalBlockBytes?: readonly (512 | 4096)[];
  readonly cache?: readonly ('fua' | 'flush' | 'none')[];
  readonly pageBytes?: readonly (4096 | 16384)[];
  readonly ringPages?: readonly (32 | 64)[];
  readonly mode?: readonly VolumeModeName[];
  readonly strict?: readonly boolean[];
  readonly encrypted?: readonly boolean[];
  readonly doubleWrite?: readonly DoubleWriteMode[];
  readonly idleWatermark?: readonly boolean[];
}

/** What is listed more than once comes more often: what is cheap and common. */
export function setups(choices: Choices = {}): fc.Arbitrary<Setup> {
  return fc
    .record<Chosen>({
      logicalBlockBytes: oneOf(choices.logicalBlockBytes ?? [512, 4096]),
      cache: oneOf(choices.cache ?? ['fua', 'flush', 'none']),
      pageBytes: oneOf(choices.pageBytes ?? [4096, 4096, 4096, 16384]),
      ringPages: oneOf(choices.ringPages ?? [32, 32, 64]),
      mode: oneOf(choices.mode ?? ['journal', 'journal', 'ordered', 'undo-redo']),
      strict: oneOf(choices.strict ?? [false, false, true]),
      encrypted: oneOf(choices.encrypted ?? [false, false, true]),
      doubleWrite: oneOf(choices.doubleWrite ?? ['off', 'off', 'destage', 'full']),
      idleWatermark: oneOf(choices.idleWatermark ?? [true, false]),
    })
    .map(setupOf);
}

function oneOf<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

interface Chosen {
  readonly logicalBlockBytes: 512 | 4096;
  readonly cache: 'fua' | 'flush' | 'none';
  readonly pageBytes: 4096 | 16384;
  readonly ringPages: 32 | 64;
  readonly mode: VolumeModeName;
  readonly strict: boolean;
  readonly encrypted: boolean;
  readonly doubleWrite: DoubleWriteMode;
  readonly idleWatermark: boolean;
}

export function setupOf(chosen: Chosen): Setup {
  const { logicalBlockBytes, cache, pageBytes, mode, strict, idleWatermark } = chosen;
  // A transaction of that mode may take an eighth of the ring, both images of each block counted.
  const ringPages = mode === 'undo-redo' ? 64 : chosen.ringPages;
  const geometry = driveGeometry({
    logicalBlockBytes,
    writeCache: cache === 'none' ? 'none' : 'volatile',
    supportsFua: cache === 'fua',
  });
  const options: JournalOptions = {
    pageBytes,
    ringPages,
    segmentPages: ringPages / 4,
    batchPagesMax: 4,
    windowPages: 8,
    dataBlocks,
    mode,
    strict,
    idleWatermark,
    // Without double writing a drive may tear the map of mode `ordered`, which is then refused.
    doubleWrite: mode === 'ordered' && chosen.doubleWrite === 'off' ? 'auto' : chosen.doubleWrite,
    durability: cache === 'fua' ? 'fua' : 'auto',
    ...(chosen.encrypted ? { encryption: { insecureTestKey: 1 } } : {}),
  };
  return { geometry, options, config: journalOptions.parse(options) };
}

/** The simplest of all: what a property is about comes on top. */
export function plainSetup(change: Partial<Chosen> = {}): Setup {
  return setupOf({
    logicalBlockBytes: 4096,
    cache: 'fua',
    pageBytes: 4096,
    ringPages: 32,
    mode: 'journal',
    strict: false,
    encrypted: false,
    doubleWrite: 'off',
    idleWatermark: false,
    ...change,
  });
}

/** The same cases each time; ends at the first that fails, since each takes many recoveries. */
export function runs<Parameters>(numRuns: number): fc.Parameters<Parameters> {
  return { seed: 20261122, numRuns, endOnFailure: true };
}
