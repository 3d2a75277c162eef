/** What every file workload must keep, and what the recipes' invariants are worth. */
import { describe, expect, it } from 'vitest';
import {
  createRandom,
  type FileOp,
  type FileSystemContract,
  type FileWorkload,
  type InvariantContext,
} from '../harness/contract/index.ts';
import { fillFileBytes } from '../harness/ledger/file-pattern.ts';
import { orderedContract } from '../harness/verify/files/file-contracts.fixture.ts';
import {
  SimulatedFileSystem,
  type SimState,
} from '../harness/verify/files/simulated-file-system.fixture.ts';
import appendOnlyLog from './append-only-log/index.ts';
import atomicReplace from './atomic-replace/index.ts';
import fileMix from './file-mix/index.ts';
import mailSpool from './mail-spool/index.ts';
import rollbackJournal from './rollback-journal/index.ts';

const bytesMax = 60_000;
const opsMax = 150;

const cases: readonly (readonly [name: string, workload: FileWorkload, options: unknown])[] = [
  ['file-mix', fileMix, {}],
  ['file-mix of names', fileMix, { namePercent: 80, syncPercent: 5, directoriesMax: 8 }],
  ['atomic-replace', atomicReplace, {}],
  ['append-only-log', appendOnlyLog, { recordBytesMax: 300 }],
  ['mail-spool by rename', mailSpool, {}],
  ['mail-spool by link', mailSpool, { deliverBy: 'link' }],
  ['rollback-journal', rollbackJournal, { pages: 5, pageBytes: 1024 }],
];

interface Run {
  readonly ops: readonly FileOp[];
  readonly states: readonly SimState[];
  readonly fileSystem: SimulatedFileSystem;
  readonly mostBytes: number;
}

/** Runs the workload on a simulated file system, which fails where an operation cannot succeed. */
function runOf(
  workload: FileWorkload,
  options: unknown,
  seed: number,
  change: Partial<FileSystemContract> & { readonly statePercent?: number } = {},
): Run {
  const { statePercent = 0, ...rest } = change;
  const random = createRandom(seed);
  const states: SimState[] = [];
  const fileSystem = new SimulatedFileSystem({
    contract: { ...orderedContract, ...rest },
    random,
    seed,
    statePercent,
    onState: (state) => states.push(state),
  });
  const scope = { opsMax, random: random.fork('work'), bytesMax };
  const run = workload.start(scope, workload.options.parse(options));
  const ops: FileOp[] = [];
  let mostBytes = 0;
  for (let op = run.next(); op !== undefined; op = run.next()) {
    ops.push(op);
    run.settled(fileSystem.perform(op), op, { status: 'acknowledged' });
    if (statePercent === 0) mostBytes = Math.max(mostBytes, bytesIn(fileSystem));
  }
  return { ops, states, fileSystem, mostBytes };
}

function bytesIn(fileSystem: SimulatedFileSystem): number {
  const sizes = new Map<number, number>();
  for (const entry of fileSystem.observe('cache').values()) {
    if (entry.kind === 'file') sizes.set(entry.inode, entry.content.length);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

describe.each(cases)('%s', (_name, workload, options) => {
  it('asks for the same operations for the same seed and outcomes', () => {
    expect(runOf(workload, options, 4).ops).toEqual(runOf(workload, options, 4).ops);
    expect(runOf(workload, options, 4).ops).not.toEqual(runOf(workload, options, 5).ops);
  });

  it('asks only for what can succeed, as often as it may, and within its bytes', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { ops, mostBytes } = runOf(workload, options, seed);
      expect(ops).toHaveLength(opsMax);
      expect(mostBytes).toBeLessThanOrEqual(bytesMax);
      expect(mostBytes).toBeGreaterThan(0);
    }
  });

  it('refuses an option that it does not have', () => {
    expect(() => workload.options.parse({ blockSize: 4096 })).toThrow(/blockSize/);
  });
});

describe('what makes each what it is', () => {
  it('file-mix asks for every operation there is', () => {
    const kinds = new Set(
      [1, 2, 3, 4, 5, 6].flatMap((seed) => runOf(fileMix, {}, seed).ops).map(kindOf),
    );
    expect(kinds.size).toBe(16);
  });

  it('file-mix leaves alone what an operation that failed may have changed', () => {
    const run = fileMix.start(
      { opsMax, random: createRandom(3), bytesMax },
      fileMix.options.parse({}),
    );
    const failed = new Set<string>();
    for (let id = 1, op = run.next(); op !== undefined; op = run.next(), id++) {
      if (op.kind === 'sync') continue;
      if (op.path !== '') expect(failed).not.toContain(op.path);
      const fails = id % 10 === 0;
      run.settled(id, op, fails ? { status: 'failed', errno: 'EIO' } : { status: 'acknowledged' });
      if (fails && op.path !== '') failed.add(op.path);
    }
    expect(failed.size).toBeGreaterThan(3);
  });

  it('a recipe stops at the first operation that fails', () => {
    const run = atomicReplace.start(
      { opsMax, random: createRandom(3), bytesMax },
      atomicReplace.options.parse({}),
    );
    run.settled(1, run.next()!, { status: 'failed', errno: 'ENOSPC' });
    expect(run.next()).toBeUndefined();
  });
});

function kindOf({ kind }: FileOp): FileOp['kind'] {
  return kind;
}

/** What the invariant says of each state, as the harness asks it; the first of each run. */
function brokenIn(
  workload: FileWorkload,
  options: unknown,
  { seeds = 4, ...change }: Partial<FileSystemContract> & { readonly seeds?: number } = {},
): string[] {
  const broken: string[] = [];
  for (let seed = 1; seed <= seeds && broken.length < 3; seed++) {
    const { states, fileSystem } = runOf(workload, options, seed, { ...change, statePercent: 40 });
    const problem = states
      .map(({ window, tree }) => {
        const context = contextAt(fileSystem, window.last, seed);
        return workload.invariant!(tree, context, workload.options.parse(options));
      })
      .find((found) => found !== undefined);
    if (problem !== undefined) broken.push(problem);
    expect(states.length).toBeGreaterThan(10);
  }
  return broken;
}

function contextAt(
  fileSystem: SimulatedFileSystem,
  position: number,
  seed: number,
): InvariantContext {
  return {
    seed,
    ops: fileSystem.ledger
      .view()
      .entries.filter(({ invokedAt }) => invokedAt <= position)
      .map(({ id, op, settledAt }) => ({ id, op, acknowledged: settledAt <= position })),
    bytesOf: (op, byteOffset, byteCount) => {
      const bytes = new Uint8Array(byteCount);
      fillFileBytes(bytes, { seed, op, byteOffset });
      return bytes;
    },
  };
}

/** An fsync covers no names, so that the directory must be synced. */
const strict: Partial<FileSystemContract> = { fsyncCovers: 'nothing' };

describe('a recipe with all its steps keeps its invariant (@req K4, B11)', () => {
  it.each([
    ['atomic-replace', atomicReplace, {}],
    ['append-only-log', appendOnlyLog, { recordBytesMax: 300 }],
    ['append-only-log with fsync', appendOnlyLog, { recordBytesMax: 300, sync: 'fsync' }],
    ['mail-spool by rename', mailSpool, {}],
    ['mail-spool by link', mailSpool, { deliverBy: 'link' }],
    ['rollback-journal', rollbackJournal, { pages: 5, pageBytes: 1024 }],
  ] as const)('%s', (_name, workload, options) => {
    expect(brokenIn(workload, options)).toEqual([]);
    expect(brokenIn(workload, options, strict)).toEqual([]);
  });
});

describe('a recipe without one of its steps is convicted by its invariant (@req B11)', () => {
  it.each([
    ['atomic-replace without fsync', atomicReplace, { fsync: false }, /zero length|none of/],
    ['append-only-log without sync', appendOnlyLog, { sync: 'none' }, /missing|not whole/],
    ['append-only-log without its name', appendOnlyLog, { fsyncDirectory: false }, /missing/],
    ['mail-spool without fsync', mailSpool, { fsync: false }, /whole message/],
    ['mail-spool without its names', mailSpool, { fsyncDirectory: false }, /is missing/],
    ['rollback-journal, journal not synced', rollbackJournal, { journalSync: false }, /not whole/],
    ['rollback-journal, header not synced', rollbackJournal, { headerSync: false }, /no commit/],
    ['rollback-journal, names not synced', rollbackJournal, { directorySync: false }, /commit/],
    ['rollback-journal, database not synced', rollbackJournal, { databaseSync: false }, /commit/],
  ] as const)('%s', (_name, workload, options, words) => {
    const small = workload === rollbackJournal ? { pages: 5, pageBytes: 1024 } : {};
    const broken = brokenIn(workload, { ...small, ...options }, { ...strict, seeds: 60 });
    expect(broken.join('\n')).toMatch(words);
  });

  it('atomic-replace without fsync is kept where a rename carries the data', () => {
    expect(brokenIn(atomicReplace, { fsync: false }, { renameCarriesData: true })).toEqual([]);
  });
});
