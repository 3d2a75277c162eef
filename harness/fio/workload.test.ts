import { expect, test } from 'vitest';
import { createRandom, type Op } from '../contract/index.ts';
import { fioJobSchema } from './job.ts';
import { jobWith } from './job-file/reading.fixture.ts';
import workload, { type FioWorkloadRun } from './workload.ts';

function startWith(options: readonly string[], opsMax = 1000): FioWorkloadRun {
  const scope = {
    space: { blockBytes: 4096, blockCount: 256 },
    opsMax,
    queueDepth: 8,
    random: createRandom(1),
  };
  return workload.start(scope, jobWith(...options)) as FioWorkloadRun;
}

/** All operations, each settled at once. */
function opsOf(run: FioWorkloadRun): readonly Op[] {
  const ops: Op[] = [];
  for (let op = run.next(); op !== undefined && op !== 'wait'; op = run.next()) {
    ops.push(op);
    run.settled(ops.length, op, { status: 'acknowledged' });
  }
  return ops;
}

test('writes cover the blocks that they touch, and syncs are flushes', () => {
  const ops = opsOf(startWith(['rw=write', 'bs=6k', 'size=24k', 'fsync=2', 'end_fsync=1']));
  expect(ops).toEqual([
    { kind: 'write', block: 0, blockCount: 2 },
    { kind: 'write', block: 1, blockCount: 2 },
    { kind: 'flush' },
    { kind: 'write', block: 3, blockCount: 2 },
    { kind: 'write', block: 4, blockCount: 2 },
    { kind: 'flush' },
  ]);
});

test('reads and trims are left out and counted', () => {
  const run = startWith(['rw=randrw', 'rwmixread=50', 'bs=4k', 'size=1m']);
  const ops = opsOf(run);
  expect(ops.every(({ kind }) => kind === 'write')).toBe(true);
  expect(run.skipped.reads + ops.length).toBe(256);
  const trims = startWith(['rw=trimwrite', 'bs=4k', 'size=40k']);
  expect(opsOf(trims)).toHaveLength(10);
  expect(trims.skipped).toEqual({ reads: 0, trims: 10 });
});

test('a job that only reads ends', () => {
  expect(opsOf(startWith(['rw=read', 'size=1m', 'time_based', 'runtime=1']))).toEqual([]);
});

test('sync=dsync follows every write with a flush', () => {
  const kinds = opsOf(startWith(['rw=write', 'bs=4k', 'size=8k', 'sync=dsync'])).map(
    ({ kind }) => kind,
  );
  expect(kinds).toEqual(['write', 'flush', 'write', 'flush']);
});

test('no more than iodepth operations are in flight', () => {
  const run = startWith(['rw=write', 'bs=4k', 'size=1m', 'iodepth=2', 'ioengine=libaio']);
  expect([run.next(), run.next()]).toHaveLength(2);
  expect(run.next()).toBe('wait');
  run.settled(1, { kind: 'flush' }, { status: 'acknowledged' });
  expect(run.next()).toEqual({ kind: 'write', block: 2, blockCount: 1 });
});

test('a job larger than the volume is refused with the size that fits', () => {
  expect(() => startWith(['rw=write', 'size=2m'])).toThrow('a size of at most 1048576');
});

test('a job survives JSON, as a run directory keeps it', () => {
  const job = jobWith(
    'rw=randwrite',
    'size=1m',
    'bssplit=4k/60:8k/40',
    'random_distribution=zoned:60/10:40/90',
  );
  expect(fioJobSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
  expect(() => workload.options.parse({ ...job, unheard: 1 })).toThrow();
});
