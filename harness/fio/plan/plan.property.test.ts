import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { jobWith } from '../job-file/reading.fixture.ts';
import { BlockMap } from './block-map.ts';
import { Permutation } from './permutation.ts';
import { plannedOps } from './plan-ops.fixture.ts';

const seed = 20_261_121;

test('a permutation has every number once, whatever its length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer(), (count, key) => {
      const permutation = new Permutation(count);
      permutation.restart(createRandom(key));
      const seen = Array.from({ length: count }, () => permutation.next());
      expect(permutation.next()).toBe(-1);
      expect([...seen].sort((one, other) => one - other)).toEqual(seen.map((_, index) => index));
    }),
    { seed, numRuns: 300 },
  );
});

test('a permutation of 2^32 numbers does not repeat itself soon', () => {
  const permutation = new Permutation(2 ** 32);
  permutation.restart(createRandom(1));
  const seen = new Set(Array.from({ length: 10_000 }, () => permutation.next()));
  expect(seen.size).toBe(10_000);
  expect(Math.max(...seen)).toBeGreaterThan(2 ** 31);
});

test('a block map finds the next free block, as a search would', () => {
  const marks = fc.array(fc.tuple(fc.nat(3999), fc.integer({ min: 1, max: 900 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4000 }), marks, fc.nat(3999), (count, runs, from) => {
      const map = new BlockMap(count);
      const plain = new Uint8Array(count);
      for (const [begin, length] of runs) {
        if (begin >= count) continue;
        let expected = 0;
        const limit = Math.min(begin + length, count);
        for (let block = begin; block < limit && plain[block] === 0; block++) {
          plain[block] = 1;
          expected++;
        }
        expect(map.setRun(begin, length)).toBe(expected);
      }
      const start = from % count;
      const after = plain.indexOf(0, start);
      expect(map.nextFree(start)).toBe(after === -1 ? plain.indexOf(0) : after);
    }),
    { seed, numRuns: 500 },
  );
});

test('no operation leaves its region, and the bytes of a pass are those of its size', () => {
  const sizes = fc.constantFrom(
    'bs=4k',
    'bs=4k,8k',
    'bsrange=4k-64k',
    'bssplit=4k/30:16k/30:64k/40',
  );
  const access = fc.constantFrom(
    'read',
    'write',
    'randread',
    'randwrite',
    'rw',
    'randrw',
    'trimwrite',
    'randtrimwrite',
  );
  const more = fc.subarray([
    'fsync=3',
    'offset=1m',
    'percentage_random=40',
    'norandommap',
    'loops=2',
    'rw_sequencer=identical',
  ]);
  fc.assert(
    fc.property(
      access,
      sizes,
      more,
      fc.integer({ min: 1, max: 64 }),
      fc.nat(),
      (rw, bs, rest, blocks, run) => {
        const job = jobWith(`rw=${rw}`, bs, `size=${blocks * 64}k`, ...rest);
        const [{ byteOffset: begin, byteCount }] = job.extent.files as [
          (typeof job.extent.files)[0],
        ];
        const ops = plannedOps(job, { seed: run });
        const transfers = ops.filter((op) => op.byteCount > 0);
        expect(transfers.length).toBeGreaterThan(0);
        for (const op of transfers) {
          expect(op.byteOffset).toBeGreaterThanOrEqual(begin);
          expect(op.byteOffset + op.byteCount).toBeLessThanOrEqual(begin + byteCount);
          expect(op.byteOffset % 4096).toBe(0);
        }
        const counted = transfers.filter((op) => !rw.endsWith('trimwrite') || op.kind === 'write');
        const bytes = counted.reduce((sum, op) => sum + op.byteCount, 0);
        expect(bytes).toBeLessThan(job.extent.sizeBytes * job.extent.loops + 65_536);
      },
    ),
    { seed, numRuns: 400 },
  );
});
