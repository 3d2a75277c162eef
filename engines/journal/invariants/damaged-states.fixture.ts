import { EngineRefusal, type Random } from '../../../harness/contract/index.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { superblockBytes } from '../format/superblock.ts';
import { superblockSlots } from '../format/layout.ts';
import { recovered, type CrashedState } from './explore.fixture.ts';
import { bytesAt, logPagesOn, newestOn, type FoundPage } from './medium.fixture.ts';
import { problemOf } from './model.fixture.ts';
import type { ScriptRun } from './script-run.fixture.ts';
import type { Setup } from './setups.fixture.ts';

/** Damages what a crash left, and says what became of it. */
export type Outcome =
  /** Recovered, and what is served is what the model allows. */
  | 'right'
  /** Recovered, and it is not. */
  | 'wrong'
  /** The reason of the refusal. */
  | EngineRefusal['reason'];

export async function outcomeOf(run: ScriptRun, state: CrashedState): Promise<Outcome> {
  try {
    const { contents } = await recovered(state, run.setup);
    const problems = state.windows.map((window) => problemOf(run, contents, window));
    return problems.every((problem) => problem === undefined) ? 'right' : 'wrong';
  } catch (error) {
    if (error instanceof EngineRefusal) return error.reason;
    throw error;
  }
}

/** The pages of the log that hold a record, or a part of one, that was acknowledged at that moment. */
export function acknowledgedPages(
  { operations, setup }: ScriptRun,
  { image, windows }: CrashedState,
): FoundPage[] {
  const { first } = windows[0]!;
  const acked = operations.filter(({ ackedAt }) => ackedAt <= first);
  const lsn = Math.max(0, ...acked.map((operation) => operation.lsn ?? 0));
  return logPagesOn(image, newestOn(image, setup.geometry)).filter(
    ({ header }) => header.firstLsn <= lsn,
  );
}

/** Copies what stands on one medium to another, or elsewhere on the same: a page of the ring. */
export function putPage(
  image: SparseImage,
  { geometry }: Setup,
  slot: number,
  bytes: Uint8Array,
): void {
  image.writeBytes(pageOffset(image, geometry, slot), bytes);
}

export function pageBytesOf(image: SparseImage, { geometry }: Setup, slot: number): Uint8Array {
  const { pageBytes } = newestOn(image, geometry).layout;
  return bytesAt(image, pageOffset(image, geometry, slot), pageBytes);
}

function pageOffset(image: SparseImage, geometry: Setup['geometry'], slot: number): number {
  const { extents, pageBytes } = newestOn(image, geometry).layout;
  return extents.ring.byteOffset + slot * pageBytes;
}

/** The state with one bit of a page of the ring flipped. */
export function withRot(
  state: CrashedState,
  setup: Setup,
  slot: number,
  at: number,
  bit: number,
): CrashedState {
  const image = state.image.fork();
  const bytes = pageBytesOf(image, setup, slot);
  bytes[at]! ^= 1 << bit;
  putPage(image, setup, slot, bytes);
  return { ...state, image };
}

/** In the envelope, in the stamps where pages have them, and in the body. */
export function placesToRot({ config, geometry }: Setup, random: Random): readonly number[] {
  const { pageBytes } = config;
  const sector = Math.min(geometry.logicalBlockBytes, pageBytes);
  const sectors = pageBytes / sector;
  return [
    random.below(60),
    60 + random.below(8),
    random.below(sectors) * sector + random.below(4),
    64 + random.below(pageBytes - 64),
    pageBytes - 1 - random.below(32),
  ];
}

/** The state without these copies of the superblock. */
export function withoutSuperblocks(
  state: CrashedState,
  { geometry }: Setup,
  slots: readonly number[],
): CrashedState {
  const image = state.image.fork();
  const offsets = superblockSlots(geometry);
  for (const slot of slots) image.writeBytes(offsets[slot]!, new Uint8Array(superblockBytes));
  return { ...state, image };
}

/** Evenly spread, with the last. */
export function someOf<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  const step = all.length / count;
  return Array.from({ length: count }, (_, index) => all[Math.ceil((index + 1) * step) - 1]!);
}
