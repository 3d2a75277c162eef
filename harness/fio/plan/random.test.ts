import { expect, test } from 'vitest';
import { jobWith } from '../job-file/reading.fixture.ts';
import { loggedRuns } from './fio-run.fixture.ts';
import { plannedOps } from './plan-ops.fixture.ts';

interface Transfer {
  readonly kind: string;
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** Hits of each block, most first: what a distribution looks like, wherever its hot blocks lie. */
function ranked(ops: readonly Transfer[], blockBytes: number): readonly number[] {
  const hits = new Map<number, number>();
  for (const { byteOffset } of ops) {
    const block = Math.floor(byteOffset / blockBytes);
    hits.set(block, (hits.get(block) ?? 0) + 1);
  }
  return [...hits.values()].sort((one, other) => other - one);
}

/** Share of all hits that the first `rank` blocks have. */
function shareOf(hits: readonly number[], rank: number): number {
  const total = hits.reduce((sum, count) => sum + count, 0);
  return hits.slice(0, rank).reduce((sum, count) => sum + count, 0) / total;
}

const draws = 60_000;
const free = ['rw=randwrite', 'bs=4k', `number_ios=${draws}`, 'norandommap', 'io_size=1g'];
// 1000 blocks are no power of two, so that ranks collide as they do in fio.
const skewed = [
  [...free, 'size=4000k', 'random_distribution=zipf:1.2'],
  [...free, 'size=4000k', 'random_distribution=zipf:0.8'],
  [...free, 'size=4m', 'random_distribution=zipf:2.5'],
  [...free, 'size=4m', 'random_distribution=pareto:0.2'],
  [...free, 'size=4000k', 'random_distribution=pareto:0.9'],
  [...free, 'size=4m', 'random_distribution=normal:20'],
  [...free, 'size=4000k', 'random_distribution=normal:80'],
  [...free, 'size=4m', 'random_distribution=random'],
];
const skewedRuns = loggedRuns(skewed.map((options, index) => [`filename=s${index}`, ...options]));

test.each(skewed.map((options, index) => [options.slice(-2).join(' '), options, index] as const))(
  'hits are spread over the blocks as fio spreads them: %s',
  async (_, options, index) => {
    const theirs = ranked((await skewedRuns)[index]!, 4096);
    const ours = ranked(plannedOps(jobWith('ioengine=null', ...options)), 4096);
    for (const rank of [1, 2, 5, 10, 30, 100, 300, 600]) {
      // Within 0.01, five times the standard error of either share.
      expect(shareOf(ours, rank), `first ${rank}`).toBeCloseTo(shareOf(theirs, rank), 1.7);
    }
    expect(Math.abs(ours.length - theirs.length)).toBeLessThan(60);
  },
);

/** Blocks in the order of their numbers, in tenths of the region. */
function tenths(ops: readonly Transfer[], regionBytes: number): readonly number[] {
  const counts = Array<number>(10).fill(0);
  for (const { byteOffset } of ops) counts[Math.floor((byteOffset * 10) / regionBytes)]! += 1;
  return counts.map((count) => count / ops.length);
}

test('zoned places lie where fio puts them, and where the job says', async () => {
  const options = [...free, 'size=40m', 'random_distribution=zoned:60/10:30/20:8/30:2/40'];
  const absolute = [...free, 'size=40m', 'random_distribution=zoned_abs:60/4m:30/8m:8/12m:2/16m'];
  const runs = await loggedRuns([options, absolute]);
  for (const [index, job] of [options, absolute].entries()) {
    const ours = tenths(plannedOps(jobWith('ioengine=null', ...job)), 40 * 2 ** 20);
    const theirs = tenths(runs[index]!, 40 * 2 ** 20);
    const expected = [0.6, 0.15, 0.15, 0.027, 0.027, 0.027, 0.005, 0.005, 0.005, 0.005];
    for (const [tenth, share] of expected.entries()) {
      expect(ours[tenth]).toBeCloseTo(share, 2);
      expect(theirs[tenth]).toBeCloseTo(share, 2);
    }
  }
});

test('a center moves the hottest block there, as in fio', async () => {
  const options = [...free, 'size=4m', 'random_distribution=zipf:1.2:0.3'];
  const [theirs] = await loggedRuns([options]);
  const hottest = (ops: readonly Transfer[]): number => {
    const hits = new Map<number, number>();
    for (const { byteOffset } of ops) hits.set(byteOffset, (hits.get(byteOffset) ?? 0) + 1);
    return [...hits].reduce((one, other) => (other[1] > one[1] ? other : one))[0];
  };
  const ours = plannedOps(jobWith('ioengine=null', ...options));
  expect(hottest(ours)).toBe(hottest(theirs!));
  expect(hottest(ours)).toBe(Math.floor(0.3 * 1024) * 4096);
});

function sizeShares(ops: readonly Transfer[]): ReadonlyMap<number, number> {
  const shares = new Map<number, number>();
  for (const { byteCount } of ops) {
    shares.set(byteCount, (shares.get(byteCount) ?? 0) + 1 / ops.length);
  }
  return shares;
}

const sized = [
  [...free, 'size=64m', 'bssplit=4k/60:16k/30:64k/10'],
  [...free, 'size=64m', 'bssplit=4k/60:16k/20'.replace('16k/20', '16k')],
  [...free, 'size=64m', 'bsrange=4k-32k'],
  [...free, 'size=64m', 'bsrange=1k-10k', 'blockalign=512'],
  ['rw=rw', 'size=64m', 'bs=4k,16k', 'rwmixread=70'],
  ['rw=randrw', 'size=64m', 'bs=4k', 'rwmixread=30', 'norandommap'],
  ['rw=randwrite', 'size=64m', 'bs=4k', 'percentage_random=25'],
];
const sizedRuns = loggedRuns(sized.map((options, index) => [`filename=z${index}`, ...options]));

test.each(sized.map((options, index) => [options.join(' '), options, index] as const))(
  'sizes and directions come as often as in fio: %s',
  async (_, options, index) => {
    const theirs = (await sizedRuns)[index]!;
    const ours = plannedOps(jobWith('ioengine=null', ...options));
    expect(ours.length / theirs.length).toBeCloseTo(1, 1);
    for (const [byteCount, share] of sizeShares(theirs)) {
      expect(sizeShares(ours).get(byteCount), `${byteCount} bytes`).toBeCloseTo(share, 1.5);
    }
    for (const kind of ['read', 'write']) {
      const share = (ops: readonly Transfer[]): number =>
        ops.filter((op) => op.kind === kind).length / ops.length;
      expect(share(ours), kind).toBeCloseTo(share(theirs), 1.5);
    }
    expect(followingShare(ours)).toBeCloseTo(followingShare(theirs), 1.5);
  },
);

/** How often an operation begins where the one before ended. */
function followingShare(ops: readonly Transfer[]): number {
  let following = 0;
  for (const [index, op] of ops.slice(1).entries()) {
    const before = ops[index]!;
    if (before.byteOffset + before.byteCount === op.byteOffset) following++;
  }
  return following / ops.length;
}

test('with a random map every block comes once in a pass, and the next pass repeats the order', () => {
  const ops = plannedOps(jobWith('rw=randwrite', 'bs=4k', 'size=4000k', 'loops=2'));
  const places = ops.map(({ byteOffset }) => byteOffset);
  expect(places).toHaveLength(2000);
  expect(new Set(places.slice(0, 1000)).size).toBe(1000);
  expect(places.slice(1000)).toEqual(places.slice(0, 1000));
});

test('randrepeat=0 gives every pass an order of its own', () => {
  const job = jobWith('rw=randwrite', 'bs=4k', 'size=4000k', 'loops=2', 'randrepeat=0');
  const places = plannedOps(job).map(({ byteOffset }) => byteOffset);
  expect(new Set(places.slice(1000)).size).toBe(1000);
  expect(places.slice(1000)).not.toEqual(places.slice(0, 1000));
});

test('sizes that vary fill the random map exactly: every byte once', () => {
  const ops = plannedOps(jobWith('rw=randwrite', 'bsrange=4k-64k', 'size=8m'));
  const covered = new Uint8Array(2048);
  for (const { byteOffset, byteCount } of ops) {
    for (let block = byteOffset / 4096; block < (byteOffset + byteCount) / 4096; block++) {
      covered[block]!++;
    }
  }
  expect(covered.every((times) => times === 1)).toBe(true);
});

test('a time-based job goes round and round, and covers all in each round', () => {
  const options = ['rw=randwrite', 'bs=4k', 'size=400k', 'time_based', 'runtime=1'];
  const places = plannedOps(jobWith(...options), { opsMax: 500 }).map(
    ({ byteOffset }) => byteOffset,
  );
  expect(places).toHaveLength(500);
  for (let round = 0; round < 5; round++) {
    expect(new Set(places.slice(round * 100, round * 100 + 100)).size).toBe(100);
  }
  const sequential = jobWith('rw=write', 'bs=4k', 'size=12k', 'time_based', 'runtime=1');
  expect(plannedOps(sequential, { opsMax: 7 }).map(({ byteOffset }) => byteOffset / 4096)).toEqual([
    0, 1, 2, 0, 1, 2, 0,
  ]);
});

test('every trim of a random trimwrite job is followed by a write of the same blocks', () => {
  const ops = plannedOps(jobWith('rw=randtrimwrite', 'bs=4k', 'size=400k'));
  expect(ops).toHaveLength(200);
  for (let pair = 0; pair < ops.length; pair += 2) {
    expect(ops[pair]).toMatchObject({ kind: 'trim' });
    expect(ops[pair + 1]).toEqual({ ...ops[pair], kind: 'write' });
  }
});

test('rw=randwrite:8 draws a place for every eight operations', () => {
  const options = ['rw=randwrite:8', 'bs=4k', 'size=40m', 'norandommap', 'number_ios=8000'];
  expect(followingShare(plannedOps(jobWith(...options)))).toBeCloseTo(7 / 8, 1.5);
  const same = plannedOps(jobWith(...options, 'rw_sequencer=identical'));
  expect(new Set(same.map(({ byteOffset }) => byteOffset)).size).toBeLessThanOrEqual(1001);
});

test('the same seed gives the same plan in chunks of any size, another seed another one', () => {
  const job = jobWith('rw=randrw', 'bssplit=4k/50:8k/50', 'size=4m', 'fsync=5', 'norandommap');
  const plan = plannedOps(job, { seed: 7, chunkOps: 1 });
  expect(plannedOps(job, { seed: 7, chunkOps: 1000 })).toEqual(plan);
  expect(plannedOps(job, { seed: 8 })).not.toEqual(plan);
});

test('clones draw places of their own', () => {
  const first = jobWith('rw=randwrite', 'size=4m', 'numjobs=2');
  expect(plannedOps({ ...first, threadNumber: 2 })).not.toEqual(plannedOps(first));
});
