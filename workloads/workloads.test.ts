/** What every workload must keep, whatever it is for. */
import { describe, expect, it } from 'vitest';
import {
  changesOf,
  createRandom,
  type Op,
  type Outcome,
  type Workload,
} from '../harness/contract/index.ts';
import appendLog from './append-log/index.ts';
import bank from './bank/index.ts';
import fsyncHeavy from './fsync-heavy/index.ts';
import hotSpot from './hot-spot/index.ts';
import randomWrite from './random-write/index.ts';
import sequentialWrite from './sequential-write/index.ts';
import wrapAround from './wrap-around/index.ts';

const blockCount = 37;
const opsMax = 300;

const cases: readonly (readonly [name: string, workload: Workload, options: unknown])[] = [
  ['sequential-write', sequentialWrite, { blocksPerWrite: 5, flushEvery: 7 }],
  ['random-write', randomWrite, { blocksPerWriteMax: 4, flushEvery: 7 }],
  ['random-write of huge writes', randomWrite, { blocksPerWriteMax: 1000 }],
  ['hot-spot', hotSpot, { flushEvery: 5 }],
  ['fsync-heavy', fsyncHeavy, { blocksPerWriteMax: 3 }],
  ['fsync-heavy without waiting', fsyncHeavy, { waitBeforeFlush: false }],
  ['wrap-around', wrapAround, { workingSetBlocks: 9 }],
  ['bank', bank, {}],
  ['append-log', appendLog, { flushEvery: 9 }],
];

interface Drive {
  readonly ops: readonly Op[];
  readonly deepest: number;
}

/** Keeps up to `queueDepth` operations in flight; which settles next, and how, is drawn. */
function drive(workload: Workload, options: unknown, seed: number, queueDepth = 8): Drive {
  const random = createRandom(seed);
  const run = workload.start(
    { space: { blockBytes: 4096, blockCount }, opsMax, queueDepth, random: random.fork('work') },
    workload.options.parse(options),
  );
  const ops: Op[] = [];
  const inFlight: number[] = [];
  let deepest = 0;
  for (;;) {
    const op = inFlight.length < queueDepth ? run.next() : 'wait';
    if (op === undefined) return { ops, deepest };
    if (op === 'wait') {
      expect(inFlight.length).toBeGreaterThan(0);
      const [id] = inFlight.splice(random.below(inFlight.length), 1);
      run.settled(id!, ops[id! - 1]!, drawOutcome(random.below(20)));
    } else {
      inFlight.push(ops.push(op));
      deepest = Math.max(deepest, inFlight.length);
    }
  }
}

function drawOutcome(roll: number): Outcome {
  if (roll === 0) return { status: 'rejected', reason: 'full' };
  return { status: 'acknowledged' };
}

describe.each(cases)('%s', (_name, workload, options) => {
  it('asks for the same operations for the same seed and outcomes', () => {
    expect(drive(workload, options, 4)).toEqual(drive(workload, options, 4));
  });

  it('stays within the volume and asks for nothing empty', () => {
    for (const op of drive(workload, options, 5).ops) {
      if (op.kind === 'append') expect(op.byteCount).toBeGreaterThanOrEqual(48);
      if (op.kind === 'write') expect(op.blockCount).toBeGreaterThanOrEqual(1);
      for (const { block } of changesOf(op)) {
        expect(block).toBeGreaterThanOrEqual(0);
        expect(block).toBeLessThan(blockCount);
      }
    }
  });

  it('ends after as many operations as it may ask for', () => {
    expect(drive(workload, options, 6).ops).toHaveLength(opsMax);
  });

  it('asks only for what it says it requires, and for flushes where told to', () => {
    const kinds = new Set(drive(workload, options, 7).ops.map(({ kind }) => kind));
    for (const kind of workload.requires) expect(kinds).toContain(kind);
    kinds.delete('flush');
    expect([...kinds]).toEqual(workload.requires.filter((kind) => kind !== 'flush'));
  });

  it('keeps several operations in flight', () => {
    expect(drive(workload, options, 8).deepest).toBeGreaterThan(1);
  });

  it('works with one operation at a time', () => {
    expect(drive(workload, options, 9, 1).ops).toHaveLength(opsMax);
  });

  it('refuses an option that it does not have', () => {
    expect(() => workload.options.parse({ blockSize: 4096 })).toThrow(/blockSize/);
  });
});

describe('what makes each what it is', () => {
  it('sequential-write goes on where it ended, and begins anew at the end of its spread', () => {
    const { ops } = drive(sequentialWrite, { blocksPerWrite: 5, spreadBlocks: 12 }, 1);
    expect(ops.slice(0, 4)).toEqual([
      { kind: 'write', block: 0, blockCount: 5 },
      { kind: 'write', block: 5, blockCount: 5 },
      { kind: 'write', block: 10, blockCount: 2 },
      { kind: 'write', block: 0, blockCount: 5 },
    ]);
  });

  it('random-write reaches every block of its spread and none beyond', () => {
    const { ops } = drive(randomWrite, { spreadBlocks: 20 }, 1);
    const blocks = new Set(ops.flatMap((op) => changesOf(op).map(({ block }) => block)));
    expect([...blocks].sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });

  it('hot-spot writes one block far more often than most', () => {
    const counts = new Map<number, number>();
    for (const op of drive(hotSpot, {}, 1).ops) {
      for (const { block } of changesOf(op)) counts.set(block, (counts.get(block) ?? 0) + 1);
    }
    const sorted = [...counts.values()].sort((a, b) => b - a);
    expect(sorted[0]).toBeGreaterThan(5 * sorted[Math.floor(sorted.length / 2)]!);
  });

  it('fsync-heavy flushes after every few writes, once they have settled', () => {
    const { ops } = drive(fsyncHeavy, { writesPerFlush: 3 }, 1);
    const kinds = ops.map(({ kind }) => (kind === 'flush' ? 'F' : 'w')).join('');
    expect(kinds).toMatch(/^(wwwF)+w*$/);
    const run = fsyncHeavy.start(
      { space: { blockBytes: 4096, blockCount }, opsMax, queueDepth: 8, random: createRandom(1) },
      fsyncHeavy.options.parse({ writesPerFlush: 1 }),
    );
    const write = run.next() as Op;
    expect(run.next()).toBe('wait');
    run.settled(1, write, { status: 'acknowledged' });
    expect(run.next()).toEqual({ kind: 'flush' });
  });

  it('wrap-around writes its working set many times over', () => {
    const { ops } = drive(wrapAround, { workingSetBlocks: 9 }, 1);
    const counts = new Array<number>(9).fill(0);
    for (const op of ops) for (const { block } of changesOf(op)) counts[block]!++;
    expect(Math.min(...counts)).toBeGreaterThan(20);
  });

  it('append-log has small records and records of more than a page', () => {
    const { ops } = drive(appendLog, {}, 1);
    const sizes = ops.map((op) => (op.kind === 'append' ? op.byteCount : 0));
    expect(sizes.filter((size) => size < 200).length).toBeGreaterThan(30);
    expect(sizes.filter((size) => size > 4096).length).toBeGreaterThan(5);
    expect(new Set(sizes).size).toBeGreaterThan(100);
  });

  it('append-log refuses sizes that are the wrong way round', () => {
    expect(() => appendLog.options.parse({ payloadBytesMin: 500, payloadBytesMax: 100 })).toThrow(
      /must not be less/,
    );
  });
});
