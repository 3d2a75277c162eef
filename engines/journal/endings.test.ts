import { describe, expect, test } from 'vitest';
import { DeviceError, type BlockDevice } from '../../harness/contract/index.ts';
import { openJournal } from './journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
  versionOf,
  type Twin,
} from './twin.fixture.ts';

/** The twin's drive, with writes that a test may hold up or fail. */
function withWrites(
  { drive }: Twin,
  before: (lba: number, source: Uint8Array) => Promise<void>,
): BlockDevice {
  return {
    name: drive.name,
    geometry: drive.geometry,
    allocate: (byteCount) => drive.allocate(byteCount),
    read: (lba, target) => drive.read(lba, target),
    write: async (lba, source, flags) => {
      await before(lba, source);
      return drive.write(lba, source, flags);
    },
    flush: () => drive.flush(),
    discard: (lba, blockCount) => drive.discard(lba, blockCount),
    [Symbol.asyncDispose]: () => drive[Symbol.asyncDispose](),
  };
}

function pause({ timeline }: Twin, delayNs: number): Promise<void> {
  return new Promise((resolve) => {
    timeline.after(delayNs, resolve);
  });
}

describe('a clean close', () => {
  test.each(['fua', 'flush'] as const)(
    'vouches for nothing that is still on its way, such as an idle watermark: %s',
    async (durability) => {
      const options = { ...smallOptions, durability };
      const twin = await formattedTwin(driveGeometry(), options);
      let isWritten = false;
      let closing: Promise<void> | undefined;
      const device = withWrites(twin, async () => {
        if (!isWritten || closing !== undefined) return;
        closing = journal.close();
        await pause(twin, 50_000_000);
      });
      const journal = await openJournal({ journal: device }, options, twin.platform);
      await journal.write(1, blockOf(1, 7));
      isWritten = true;
      await pause(twin, 5_000_000);
      expect(closing).toBeDefined();
      await closing;
      expect(await versionOf(await open(afterKill(twin), options), 1)).toBe(7);
    },
  );
});

test('an opening that fails leaves nothing on its way, and begins nothing more', async () => {
  const options = {
    ...smallOptions,
    ringPages: 1024,
    segmentPages: 256,
    batchPagesMax: 16,
    windowPages: 64,
    dataBlocks: 500,
    destageStart: 0.9,
    idleWatermark: false,
  };
  const formatted = await formattedTwin(driveGeometry({ capacityBlocks: 4096 }), options);
  const first = await open(formatted, options);
  await Promise.all(
    Array.from({ length: 450 }, (_, block) => first.write(block, blockOf(block, 1))),
  );
  const dataAt = first.layout.extents.data.byteOffset / 4096;
  const twin = afterKill(formatted);
  let isFailed = false;
  let isOver = false;
  let isHeld = false;
  let writesAfter = 0;
  const device = withWrites(twin, async (lba) => {
    if (lba < dataAt) return;
    if (isOver) writesAfter += 1;
    if (!isFailed) {
      isFailed = true;
      throw new DeviceError('EIO', 'write', 'once');
    }
    if (isHeld) return;
    isHeld = true;
    await pause(twin, 900_000_000);
    if (isOver) writesAfter += 1;
  });
  await expect(openJournal({ journal: device }, options, twin.platform)).rejects.toMatchObject({
    reason: 'device-error',
  });
  isOver = true;
  await pause(twin, 2_000_000_000);
  expect(isHeld).toBe(true);
  expect(writesAfter).toBe(0);
});

test('a flush waits for what was submitted before it, also where the newest of it was withdrawn', async () => {
  const options = { ...smallOptions, mode: 'undo-redo' as const, idleWatermark: false };
  let withdrawn = 0;
  for (const fill of [10, 12, 14, 16, 18]) {
    const twin = await formattedTwin(driveGeometry(), options, fill);
    const journal = await open(twin, options);
    const transaction = journal.begin();
    await transaction.write(0, blockOf(0, 1));
    for (let index = 0; index < fill; index++) {
      await journal.write(2 + index, blockOf(2 + index, index)).catch(() => undefined);
    }
    const pending = new Set<Promise<unknown>>();
    for (let index = 0; index < 40; index++) {
      const append = journal.append(0x8001, 0, 0, new Uint8Array(3500)).catch(() => undefined);
      pending.add(append);
      void append.then(() => pending.delete(append));
    }
    void transaction.write(0, blockOf(0, 9)).catch(() => (withdrawn += 1));
    for (let turn = 0; turn < 60; turn++) await Promise.resolve();
    const before = [...pending];
    const progress = { isFlushed: false };
    const flushed = journal.flush().then(() => (progress.isFlushed = true));
    await Promise.race([flushed, pause(twin, 500_000_000)]);
    const left = before.filter((append) => pending.has(append)).length;
    expect(progress.isFlushed && left > 0, `${left} unsettled`).toBe(false);
    await journal[Symbol.asyncDispose]();
  }
  expect(withdrawn).toBeGreaterThan(0);
});
