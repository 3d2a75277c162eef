import { describe, expect, test } from 'vitest';
import { createRandom, type DriveFaultRule } from '../../harness/contract/index.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
  versionOf,
} from './twin.fixture.ts';

/** Error paths of JOURNAL-ENGINE §4.10, on a drive that makes each write durable by a flush. */
const geometry = driveGeometry({ supportsFua: false, logicalBlockBytes: 512 });

const faults: readonly (Pick<DriveFaultRule, 'faultClass' | 'effect'> & { name: string })[] = [
  {
    name: 'a write error',
    faultClass: 'write-error',
    effect: { kind: 'fail-write', code: 'EIO', landed: 'some' },
  },
  {
    name: 'no space',
    faultClass: 'no-space',
    effect: { kind: 'fail-write', code: 'ENOSPC', landed: 'none' },
  },
  { name: 'a short write', faultClass: 'short-write', effect: { kind: 'short-write' } },
  {
    name: 'a failed flush',
    faultClass: 'flush-error',
    effect: { kind: 'fail-flush', drops: false },
  },
  {
    name: 'a failed flush that drops what it covered',
    faultClass: 'flush-error',
    effect: { kind: 'fail-flush', drops: true },
  },
];

describe.each(faults)('after $name', ({ effect, faultClass }) => {
  test.each([1, 20, 60])(
    'from operation %i on nothing is acknowledged, and reopening keeps what was (I13, I14)',
    async (atOp) => {
      const twin = await formattedTwin(geometry);
      const journal = await open(twin);
      twin.drive.arm(
        { fault: 'planned', faultClass, effect, moment: { atOp }, times: 1 },
        createRandom(atOp),
      );
      twin.drive.beginWorkload();
      const acknowledged = new Map<number, number>();
      const unknown = new Map<number, number[]>();
      let failedAt = Infinity;
      const writer = async (from: number): Promise<void> => {
        for (let version = from; version <= 120; version += 3) {
          const block = (version * 5) % 64;
          twin.drive.noteOp(version);
          try {
            await journal.write(block, blockOf(block, version));
            expect(failedAt, 'no acknowledgement after the failure').toBe(Infinity);
            acknowledged.set(block, version);
          } catch (error) {
            failedAt = Math.min(failedAt, version);
            if ((error as Error).name === 'OutcomeUnknown') {
              unknown.set(block, [...(unknown.get(block) ?? []), version]);
            } else {
              expect(error).toMatchObject({ name: 'EngineRefusal', reason: 'device-error' });
            }
          }
        }
      };
      await Promise.all([writer(1), writer(2), writer(3)]);
      expect(twin.drive.firings).toHaveLength(1);
      expect(failedAt).toBeLessThan(Infinity);
      const { writes, flushes } = twin.drive.counters;
      await twin.timeline.whenIdle();
      expect(twin.drive.counters, 'nothing is submitted any more').toMatchObject({
        writes,
        flushes,
      });

      const again = await open(afterKill(twin));
      for (const [block, version] of acknowledged) {
        const found = await versionOf(again, block);
        expect([version, ...(unknown.get(block) ?? [])]).toContain(found);
      }
    },
  );
});

test('a recovery whose device fails refuses, and the next one comes up whole', async () => {
  for (const effect of [
    { kind: 'fail-write', code: 'EIO', landed: 'some' },
    { kind: 'fail-flush', drops: true },
    { kind: 'short-write' },
  ] as const) {
    const twin = await formattedTwin(geometry);
    const journal = await open(twin);
    for (let block = 0; block < 20; block++) await journal.write(block, blockOf(block, 7));
    const failing = afterKill(twin);
    failing.drive.arm(
      { fault: 'planned', faultClass: 'write-error', effect, moment: { atNs: 0 }, times: 1 },
      createRandom(1),
    );
    failing.drive.beginWorkload();
    await expect(open(failing, smallOptions)).rejects.toMatchObject({ reason: 'device-error' });
    const again = await open(afterKill(failing));
    for (let block = 0; block < 20; block++) expect(await versionOf(again, block)).toBe(7);
  }
});

test('a drive without FUA is not asked for it', async () => {
  const options = { ...smallOptions, durability: 'fua' } as const;
  await expect(formattedTwin(geometry, options)).rejects.toMatchObject({ reason: 'incompatible' });
});
