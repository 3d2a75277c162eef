import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../../harness/contract/index.ts';
import type { JournalOptions } from '../../config.ts';
import { OutcomeUnknown } from '../../errors.ts';
import type { Journal } from '../../journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  readBlock,
  smallOptions,
  versionOf,
  type Twin,
} from '../../twin.fixture.ts';

const ordered = { ...smallOptions, mode: 'ordered' } satisfies JournalOptions;
const writeback = { ...smallOptions, mode: 'writeback' } satisfies JournalOptions;
const flushOnly = driveGeometry({ supportsFua: false });
const modes = [
  ['ordered', ordered],
  ['writeback', writeback],
] as const;

async function opened(
  options: JournalOptions,
  geometry = flushOnly,
): Promise<{ readonly twin: Twin; readonly journal: Journal }> {
  const twin = await formattedTwin(geometry, options);
  return { twin, journal: await open(twin, options) };
}

/** Where the drive holds the block, found by its contents; undefined where it does nowhere. */
function findOnDrive({ twin, journal }: Awaited<ReturnType<typeof opened>>, bytes: Uint8Array) {
  const { byteOffset, byteCount } = journal.layout.extents.data;
  const found = new Uint8Array(4096);
  for (let at = byteOffset; at < byteOffset + byteCount; at += 4096) {
    twin.drive.image.read(at, found);
    if (Buffer.compare(found, bytes) === 0) return at;
  }
  return undefined;
}

describe.each(modes)('a volume in mode %s', (_, options) => {
  test('reads as zeros where nothing was written, whatever the medium holds', async () => {
    const { journal } = await opened(options);
    expect((await readBlock(journal, 5)).every((byte) => byte === 0)).toBe(true);
  });

  test('writes each block once', async () => {
    const { journal } = await opened(options);
    for (let version = 1; version <= 100; version++) {
      await journal.write(version % 64, blockOf(version % 64, version));
    }
    await journal.close();
    const { writtenBytes, userBytes } = journal.counters();
    expect(userBytes).toBe(100 * 4096);
    expect(writtenBytes).toMatchObject({ data: userBytes, destage: 0 });
  });

  test('keeps what was acknowledged over many kills, with few spare blocks', async () => {
    const few = { ...options, spareBlocks: 6 };
    let { twin, journal } = await opened(few);
    const model = new Map<number, number>();
    const random = createRandom(2);
    for (let round = 1; round <= 60; round++) {
      await Promise.all(
        Array.from({ length: 6 }, async (__, index) => {
          const block = random.below(64);
          model.set(block, round * 10 + index);
          await journal.write(block, blockOf(block, round * 10 + index));
        }),
      );
      if (round % 7 !== 0) continue;
      await journal.flush();
      twin = afterKill(twin, round);
      journal = await open(twin, few);
    }
    for (const [block, version] of model) expect(await versionOf(journal, block)).toBe(version);
  });

  test('refuses an operation that is larger than its spare blocks, before any effect', async () => {
    const { journal } = await opened({ ...options, spareBlocks: 3 });
    const blocks = (count: number): Uint8Array => new Uint8Array(count * 4096);
    await expect(journal.write(0, blocks(4))).rejects.toMatchObject({ reason: 'too-large' });
    expect(journal.counters().writtenBytes['data']).toBe(0);
    await journal.write(0, blocks(3));
  });

  test('serves whole versions to reads that race with writes', async () => {
    const { journal } = await opened({ ...options, spareBlocks: 4 });
    await journal.write(1, blockOf(1, 1));
    let isDone = false;
    const reader = async (): Promise<void> => {
      for (let seen = 1; !isDone;) {
        const version = await versionOf(journal, 1);
        expect(version).toBeGreaterThanOrEqual(seen);
        seen = version;
      }
    };
    const writer = async (): Promise<void> => {
      for (let version = 2; version <= 150; version++) await journal.write(1, blockOf(1, version));
      isDone = true;
    };
    await Promise.all([writer(), reader(), reader()]);
  });

  test('leaves what was on its way unknown when it is abandoned', async () => {
    const { journal } = await opened(options);
    const writing = journal.write(1, blockOf(1, 1));
    await Promise.resolve();
    await journal[Symbol.asyncDispose]();
    await expect(writing).rejects.toBeInstanceOf(OutcomeUnknown);
  });

  test('takes what waits when it is closed, and nothing afterwards', async () => {
    const { twin, journal } = await opened(options);
    const writing = journal.write(1, blockOf(1, 9));
    await journal.close();
    await writing;
    await expect(journal.write(1, blockOf(1, 10))).rejects.toMatchObject({ reason: 'closed' });
    const reopened = await open(afterKill(twin), options);
    expect(reopened.recovery.recordsReplayed).toBe(0);
    expect(await versionOf(reopened, 1)).toBe(9);
  });
});

describe('mode ordered', () => {
  test('makes the data of concurrent writes durable together (@req C4)', async () => {
    const { journal } = await opened(ordered);
    const before = journal.counters().flushes;
    const writers = Array.from({ length: 32 }, async (_, writer) => {
      for (let version = 1; version <= 10; version++) {
        await journal.write(writer, blockOf(writer, version));
      }
    });
    await Promise.all(writers);
    expect(journal.counters().flushes - before).toBeLessThan(320 / 4);
  });

  test.each([
    ['rotten', (bytes: Uint8Array) => bytes.fill(0xee, 700, 701)],
    ['another version of the block', () => blockOf(7, 1)],
    ['what the place held before', () => new Uint8Array(4096)],
  ] as const)('refuses a block that is %s, and serves the others (@req C3)', async (_, damage) => {
    const volume = await opened(ordered);
    const { twin, journal } = volume;
    await journal.write(7, blockOf(7, 2));
    await journal.write(8, blockOf(8, 2));
    const bytes = blockOf(7, 2);
    overwrite(twin, findOnDrive(volume, bytes)!, damage(bytes));
    await expect(readBlock(journal, 7)).rejects.toMatchObject({
      reason: 'corrupt',
      message: expect.stringContaining('block 7') as unknown,
    });
    await expect(journal.read(7, new Uint8Array(8192))).rejects.toMatchObject({
      reason: 'corrupt',
    });
    expect(await versionOf(journal, 8)).toBe(2);
  });

  test('never writes over a block that counts', async () => {
    const volume = await opened(ordered);
    await volume.journal.write(3, blockOf(3, 1));
    const first = findOnDrive(volume, blockOf(3, 1));
    await volume.journal.write(3, blockOf(3, 2));
    expect(findOnDrive(volume, blockOf(3, 1))).toBe(first);
    expect(findOnDrive(volume, blockOf(3, 2))).not.toBe(first);
  });

  test('takes the mark of a consumer together with what it rests on (@req C9)', async () => {
    const { twin, journal } = await opened(ordered);
    const lsn = await journal.append(0x8001, 0, 0, new Uint8Array(8));
    const records = journal.subscribe({ consumer: 'index' });
    await records.next();
    await journal.transaction([{ block: 2, data: blockOf(2, 5) }], {
      consumer: 'index',
      upTo: lsn,
    });
    const second = await journal.append(0x8001, 0, 0, new Uint8Array(8));
    const reopened = await open(afterKill(twin), ordered);
    expect(await versionOf(reopened, 2)).toBe(5);
    const resumed = await reopened.subscribe({ consumer: 'index' }).next();
    expect(resumed.value?.lsn).toBe(second);
  });
});

describe('mode writeback', () => {
  test('acknowledges a write, and serves it, only when its data has arrived', async () => {
    const { twin, journal } = await opened(writeback);
    await journal.write(4, blockOf(4, 1));
    const { data } = journal.layout.extents;
    twin.drive.arm(
      {
        fault: 'slow',
        faultClass: 'slow-device',
        effect: { kind: 'stall', delayNs: 50_000_000 },
        moment: { atBytes: data },
        times: 1,
        within: data,
      },
      createRandom(1),
    );
    twin.drive.beginWorkload();
    const writing = journal.write(4, blockOf(4, 2));
    await journal.write(5, blockOf(5, 1)).catch(() => undefined);
    await writing;
    expect(twin.timeline.now()).toBeGreaterThan(50_000_000);
    expect(await versionOf(journal, 4)).toBe(2);
  });

  test('serves what its new place held before, where the data did not arrive (@req B9)', async () => {
    const volume = await opened(writeback);
    await volume.journal.write(4, blockOf(4, 2));
    const killed = afterKill(volume.twin);
    overwrite(killed, findOnDrive(volume, blockOf(4, 2))!, blockOf(9, 1));
    const reopened = await open(killed, writeback);
    expect(new Uint32Array((await readBlock(reopened, 4)).buffer)[0]).toBe(9);
  });
});

test('mode writeback: a flush that fails is never made good by the next (fsyncgate)', async () => {
  const twin = await formattedTwin(driveGeometry(), writeback);
  const journal = await open(twin, writeback);
  await journal.write(1, blockOf(1, 1));
  twin.drive.arm(
    {
      fault: 'planned',
      faultClass: 'flush-error',
      effect: { kind: 'fail-flush', drops: true },
      moment: { atFlush: 1 },
      times: 1,
    },
    createRandom(1),
  );
  twin.drive.beginWorkload();
  await expect(journal.flush()).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect(journal.flush()).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect(journal.write(2, blockOf(2, 1))).rejects.toMatchObject({ reason: 'device-error' });
});

test('data of a refused change never lands on what came to its place afterwards (@req B9)', async () => {
  const options = { ...writeback, dataBlocks: 4, spareBlocks: 1, idleWatermark: false };
  for (let seed = 1; seed <= 12; seed++) {
    const journal = await open(await formattedTwin(driveGeometry(), options, seed), options);
    for (let block = 0; block < 4; block++) await journal.write(block, blockOf(block, 1));
    const newestLsn = await fillWithAppends(journal);
    await expect(journal.write(0, blockOf(0, 2))).rejects.toMatchObject({ reason: 'full' });
    journal.release(newestLsn);
    await journal.write(0, blockOf(0, 3));
    await journal.flush();
    expect(await versionOf(journal, 0)).toBe(3);
  }
});

/** Until the ring has no page left. Answers the LSN of the last record. */
async function fillWithAppends(journal: Journal): Promise<number> {
  let lsn = 0;
  try {
    for (;;) lsn = await journal.append(0x8001, 0, 0, new Uint8Array(3000));
  } catch (error) {
    expect(error).toMatchObject({ reason: 'full' });
    return lsn;
  }
}
