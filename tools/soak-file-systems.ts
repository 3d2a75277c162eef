/**
 * What the soak runs of file systems: ext4 and XFS in their modes, with every workload of files whose
 * invariant the mode keeps, on drives that differ. None of it may be convicted under its own contract.
 */
import type { DeviceGeometry, Random, Scenario } from '../harness/contract/index.ts';

interface Mode {
  readonly name: string;
  readonly engine: Readonly<Record<string, unknown>>;
  readonly device?: Partial<DeviceGeometry>;
  /** Whether an fsync is worth what recipes rely on; where it is not, their invariants break. */
  readonly keepsRecipes: boolean;
  /** A bug of the kernel (engines/ext4/README.md), which the mix finds and recipes do not meet. */
  readonly removesDirectoriesBadly?: boolean;
}

const sound = { keepsRecipes: true } as const;
const weak = { keepsRecipes: false } as const;

/** Without those that promise nothing (no barriers, no journal): nothing convicts them. */
const ext4Modes: readonly Mode[] = [
  { name: 'ordered', engine: {}, ...sound },
  { name: 'journal', engine: { data: 'journal' }, ...sound },
  { name: 'writeback', engine: { data: 'writeback' }, ...sound },
  { name: 'fast-commit', engine: { fastCommit: true }, removesDirectoriesBadly: true, ...sound },
  { name: 'blocks-of-1024', engine: { blockBytes: 1024 }, ...sound },
  { name: 'journal-1024', engine: { data: 'journal', blockBytes: 1024 }, ...sound },
  { name: 'nodelalloc', engine: { delayedAllocation: false }, ...sound },
  { name: 'dioread-lock', engine: { unwrittenExtents: false }, ...sound },
  {
    name: 'nodelalloc-dioread-lock',
    engine: { delayedAllocation: false, unwrittenExtents: false },
    ...sound,
  },
  {
    name: 'writeback-dioread-lock',
    engine: { data: 'writeback', delayedAllocation: false, unwrittenExtents: false },
    ...sound,
  },
  { name: 'async-commit', engine: { data: 'writeback', journalAsyncCommit: true }, ...weak },
  { name: 'no-auto-da-alloc', engine: { autoDaAlloc: false }, ...sound },
  { name: 'no-checksums', engine: { metadataChecksums: false }, ...sound },
  {
    name: 'journal-checksum',
    engine: { metadataChecksums: false, journalChecksum: true },
    ...sound,
  },
  { name: 'fdatasync', engine: { sync: 'fdatasync' }, ...weak },
  { name: 'dsync', engine: { sync: 'dsync' }, ...weak },
  { name: 'no-sync', engine: { sync: 'none' }, ...weak },
  { name: 'sync-file-range', engine: { sync: 'sync-file-range' }, ...weak },
  {
    name: 'nobarrier-uncached',
    engine: { barrier: false },
    device: { writeCache: 'none' },
    ...sound,
  },
];

const xfsModes: readonly Mode[] = [
  { name: 'default', engine: {}, ...sound },
  { name: 'blocks-of-1024', engine: { blockBytes: 1024 }, ...sound },
  { name: 'uncached', engine: {}, device: { writeCache: 'none' }, ...sound },
  { name: 'fdatasync', engine: { sync: 'fdatasync' }, ...weak },
  { name: 'dsync', engine: { sync: 'dsync' }, ...weak },
  { name: 'no-sync', engine: { sync: 'none' }, ...weak },
  { name: 'sync-file-range', engine: { sync: 'sync-file-range' }, ...weak },
];

const modesOf = { ext4: ext4Modes, xfs: xfsModes } as const;

export type SoakedFileSystem = keyof typeof modesOf;

export function isSoakedFileSystem(name: string): name is SoakedFileSystem {
  return Object.hasOwn(modesOf, name);
}

const mix = 'file-mix';
const recipes = ['atomic-replace', 'append-only-log', 'mail-spool', 'rollback-journal'] as const;

export interface FileSoakWish {
  readonly seed: number;
  readonly states: number;
  readonly nestedStates: number;
}

/** Every mode with the mix and a recipe; which one, and on what drive, turns with the seed. */
export function fileSystemScenarios(
  engine: SoakedFileSystem,
  random: Random,
  wish: FileSoakWish,
): readonly Scenario[] {
  const all = modesOf[engine].flatMap((mode, index) => {
    const workloads = [
      ...(mode.removesDirectoriesBadly === true ? [] : [mix]),
      ...(mode.keepsRecipes ? [inTurn(recipes, index + wish.seed)] : []),
    ];
    return workloads.map((workload) => scenarioOf(engine, mode, workload, wish));
  });
  return shuffled(all, random);
}

/** Drives whose blocks are as small as the file system's tear in the middle of a page. */
function scenarioOf(
  engine: SoakedFileSystem,
  mode: Mode,
  workload: string,
  { seed, states, nestedStates }: FileSoakWish,
): Scenario {
  const isSmall = mode.engine['blockBytes'] === 1024 || inTurn([false, false, true], seed);
  const logicalBlockBytes = isSmall ? 512 : 4096;
  return {
    name: `soak-${engine}-${mode.name}-${workload}-${seed}`,
    because: 'a file system keeps what its contract promises',
    seed,
    rig: 'fuse',
    engine: { use: engine, with: mode.engine },
    workload: { use: workload },
    faults: [],
    verifiers: [],
    device: {
      logicalBlockBytes,
      capacityBlocks: (64 * 2 ** 20) / logicalBlockBytes,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: false,
      ...mode.device,
    },
    limits: { ops: inTurn([80, 120, 60], seed), queueDepth: 1, durationMs: 600_000 },
    explore: { rounds: 1, states, nestedStates },
    expect: { verdict: 'pass' },
  };
}

function shuffled<Value>(values: readonly Value[], random: Random): readonly Value[] {
  const left = [...values];
  return values.map(() => left.splice(random.below(left.length), 1)[0]!);
}

function inTurn<Value>(values: readonly Value[], turn: number): Value {
  return values[turn % values.length]!;
}
