import { expect, test } from 'vitest';
import { jobWith } from '../job-file/reading.fixture.ts';
import { JobMeter } from './job-meter.ts';
import { LatencyCounter } from './latency-buckets.ts';
import { PlanFeed } from './op-feed.ts';
import { Pacer } from './pacer.ts';
import { RateCounter } from './rate-counter.ts';
import { SlotTable } from './slot-table.ts';
import { SyncCoverage } from './sync-coverage.ts';
import { WrittenBlocks } from '../plan/written-blocks.ts';

test('a sync makes durable what had completed when it was issued, and nothing later', () => {
  const coverage = new SyncCoverage();
  const durable = new LatencyCounter();
  coverage.completed(10);
  coverage.completed(11);
  const mark = coverage.mark();
  coverage.completed(12);
  coverage.covered(mark, 20, durable);
  expect(durable.snapshot()).toMatchObject({ count: 2, minNs: 9e6, maxNs: 10e6 });
  expect(coverage.uncovered).toBe(1);
  coverage.covered(mark, 30, durable);
  expect(durable.count).toBe(2);
});

test('coverage keeps every write in order when it grows in the middle of its ring', () => {
  const coverage = new SyncCoverage();
  const durable = new LatencyCounter();
  for (let write = 0; write < 700; write++) coverage.completed(write);
  coverage.covered(coverage.mark(), 700, durable);
  for (let write = 0; write < 5000; write++) coverage.completed(1000 + write);
  durable.reset();
  coverage.covered(coverage.mark(), 6000, durable);
  expect(durable.snapshot()).toMatchObject({ count: 5000, minNs: 1e6, maxNs: 5000e6 });
  expect(durable.snapshot().sumNs).toBe((5000 * 5001 * 1e6) / 2);
});

test('with sync=dsync every write is durable by itself', () => {
  const meter = new JobMeter(jobWith('rw=write', 'size=64k', 'sync=dsync'), new Float64Array(3));
  meter.restart(0);
  meter.transferred(1, 0, 4096, 1, 1, 3, NaN);
  expect(meter.syncs()).toMatchObject({ ops: 0, uncoveredWrites: 0, durable: { count: 1 } });
});

test('in an open loop, latency counts from the time that was due, and service time stays beside it', () => {
  const job = jobWith('rw=write', 'size=64k', 'rate_iops=100', 'io_submit_mode=offload');
  const meter = new JobMeter(job, new Float64Array(3));
  meter.restart(0);
  meter.transferred(1, 0, 4096, 50, 51, 60, 10);
  const { intended, total, submission, completion } = meter.directions().write;
  expect([intended, total, submission, completion].map(({ maxNs }) => maxNs)).toEqual([
    50e6, 10e6, 1e6, 9e6,
  ]);
});

test('what failed is in no figure but that of the errors', () => {
  const meter = new JobMeter(jobWith('rw=write', 'size=64k'), new Float64Array(3));
  meter.restart(0);
  meter.failed(1, 0, 8192, 4096, 5);
  expect(meter.directions().write).toMatchObject({ ops: 0, bytes: 0 });
  expect(meter.errors()).toEqual({
    count: 1,
    first: { errno: 'EIO', operation: 'write', path: 'data', byteOffset: 8192, byteCount: 4096 },
  });
});

test('the series puts each operation into its bucket, and a pause takes up none', () => {
  const rates = new RateCounter(100);
  rates.restart(1000);
  rates.count(0, 10, 1050);
  rates.count(1, 20, 1150);
  rates.skip(1160, 1460);
  rates.count(1, 30, 1470);
  rates.count(1, 40, 1500 + 300);
  const { ops, bytes } = rates.series(1500 + 310);
  expect([...ops.read]).toEqual([1, 0, 0, 0, 0, 0]);
  expect([...bytes.write]).toEqual([0, 50, 0, 0, 0, 40]);
});

test('the series grows with the run', () => {
  const rates = new RateCounter(1);
  rates.restart(0);
  for (let bucket = 0; bucket < 5000; bucket++) rates.count(2, 7, bucket + 0.5);
  const { ops } = rates.series(5000);
  expect(ops.trim.length).toBe(5000);
  expect(ops.trim.every((count) => count === 1)).toBe(true);
});

test('a feed pauses at the end of each pass until it has been read back, and loses no write', () => {
  const job = jobWith('rw=randwrite', 'bs=4k', 'size=100k', 'loops=60', 'verify=crc32c');
  const written = new WrittenBlocks(job);
  const feed = new PlanFeed(job, 1, written);
  for (let pass = 0; pass < 60; pass++) {
    let ops = 0;
    for (; feed.load(); ops++) feed.consume();
    expect(ops).toBe(25);
    expect(feed.isAtPassEnd).toBe(pass < 59);
    feed.settle();
    const back = written.readBack();
    expect(back.count).toBe(25);
    expect(Math.min(...back.writeNumbers)).toBe(pass * 25);
    feed.beginPass();
  }
  expect([feed.isEnded, feed.issuedOps, feed.writeNumber]).toEqual([true, 1500, 1500]);
});

test('pauses move what is due, unless the rate is to make up for them', () => {
  const options = ['rw=write', 'size=64k', 'rate_iops=1000', 'thinktime=5ms', 'thinktime_blocks=2'];
  for (const [extra, dueMs] of [
    [[], 107],
    [['rate_ignore_thinktime=1'], 102],
  ] as const) {
    const pacer = new Pacer(jobWith(...options, ...extra), true);
    pacer.begin(100);
    pacer.issued();
    expect(pacer.mustPause).toBe(false);
    pacer.issued();
    expect(pacer.mustPause).toBe(true);
    pacer.pause(101, (wakeMs) => {
      expect(wakeMs).toBe(106);
    });
    expect(pacer.mustPause).toBe(false);
    expect(pacer.dueMs(2e6)).toBe(dueMs);
  }
});

test('an operation in flight is overlapped by any that shares a byte with it', () => {
  const slots = new SlotTable(2);
  const slot = slots.take();
  slots.fileIndexes[slot] = 1;
  slots.byteOffsets[slot] = 4096;
  slots.byteCounts[slot] = 4096;
  expect(slots.overlaps(1, 8191, 1)).toBe(true);
  expect(slots.overlaps(1, 8192, 512)).toBe(false);
  expect(slots.overlaps(1, 0, 4096)).toBe(false);
  expect(slots.overlaps(0, 4096, 4096)).toBe(false);
  slots.giveBack(slot);
  expect(slots.overlaps(1, 4096, 4096)).toBe(false);
});
