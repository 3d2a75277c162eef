// Goal: a walk in step with the reads comes to what a walk over the whole ring comes to, whatever the
// ring holds and however the reads come. Method: the same ring is examined both ways.
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { crc32cOf } from '../format/crc32c.ts';
import { superblockSlots } from '../format/layout.ts';
import { DeviceIo } from '../io/device-io.ts';
import { WriteTally } from '../io/write-tally.ts';
import { bytesAt, newestOn } from '../invariants/medium.fixture.ts';
import type { JournalOptions } from '../config.ts';
import type { Journal } from '../journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  versionOf,
  type Twin,
} from '../twin.fixture.ts';
import { EarlyWalk, readLog } from './early-walk.ts';
import { examineLog, type ExaminedLog } from './find-end.ts';
import { readRing, type RingContents } from './read-ring.ts';

/** A ring that several large reads bring. */
const largeRing = {
  ...smallOptions,
  ringPages: 1024,
  segmentPages: 256,
  windowPages: 64,
  dataBlocks: 600,
  idleWatermark: false,
} satisfies JournalOptions;
const largeGeometry = driveGeometry({ capacityBlocks: 4096 });
const smallRing = { ...smallOptions, idleWatermark: false } satisfies JournalOptions;

/** Writes that many blocks, one after the other from block 0 on and round the volume. */
async function write(journal: Journal, count: number, version: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const block = index % journal.blockCount;
    await journal.write(block, blockOf(block, version));
  }
}

/** A log that goes over the end of a small ring. */
async function turnedTwin(): Promise<Twin> {
  const twin = await formattedTwin(undefined, smallRing);
  const before = await open(twin, smallRing);
  await write(before, 28, 1);
  await before.close();
  await write(await open(twin, smallRing), 12, 2);
  return afterKill(twin);
}

function readAll({ drive }: Twin): Promise<RingContents> {
  const superblock = newestOn(drive.image, drive.geometry);
  const io = new DeviceIo(drive, 'none', new WriteTally());
  const firstSlot = superblock.tail.pageSeq % superblock.layout.ringPages;
  return readRing(io, superblock.layout, { firstSlot });
}

/** What is found in the ring of the drive; `steps` pages at a time, or all at once. */
async function found(twin: Twin, steps?: () => number): Promise<unknown> {
  const superblock = newestOn(twin.drive.image, twin.drive.geometry);
  const crc32c = crc32cOf(twin.platform);
  const ring = await readAll(twin);
  let early: EarlyWalk | undefined;
  if (steps !== undefined) {
    early = new EarlyWalk(superblock, crc32c);
    const { ringPages } = superblock.layout;
    for (let count = 0; count < ringPages;) {
      count = Math.min(ringPages, count + steps());
      early.follow(ring, count);
    }
    if (early.isVoid) return 'void';
  }
  try {
    return summaryOf(examineLog({ ring, early }, superblock, crc32c));
  } catch (error) {
    return String(error);
  }
}

function summaryOf({ scan, log, evidence, verdict }: ExaminedLog): unknown {
  const last = log.batches.flatMap(({ records }) => records).at(-1);
  const streamBytes = last === undefined ? 0 : last.at + last.payloadBytes;
  const stream = Buffer.from(log.stream.subarray(0, streamBytes)).toString('base64');
  const { newestCurrent, newestTail, durableLsnMax, durableWitness } = scan;
  const scanned = { newestCurrent, newestTail, durableLsnMax, durableWitness };
  return { scanned, batches: log.batches, end: log.end, stream, evidence, verdict };
}

describe('a walk in step with the reads', () => {
  const random = createRandom(3).fork('steps');
  const ways: readonly (readonly [string, () => number])[] = [
    ['page by page', () => 1],
    ['in pieces of any size', () => 1 + random.below(9)],
  ];

  test.each(ways)('finds the log as a walk afterwards does, %s', async (_, steps) => {
    const twin = await turnedTwin();
    const inOne = await found(afterKill(twin));
    expect(inOne).toMatchObject({ verdict: { end: 'clean' } });
    expect(await found(afterKill(twin), steps)).toEqual(inOne);
  });

  test.each(ways)('finds the same where any page is damaged, %s (@req C8)', async (_, steps) => {
    const twin = await turnedTwin();
    const { layout } = newestOn(twin.drive.image, twin.drive.geometry);
    const seen = new Set<string>();
    for (let slot = 0; slot < layout.ringPages; slot++) {
      for (const within of [0, 20, 48, 70, 4000]) {
        const at = layout.extents.ring.byteOffset + slot * layout.pageBytes + within;
        const damaged = afterKill(twin);
        const byte = bytesAt(damaged.drive.image, at, 1);
        byte[0]! ^= 4;
        overwrite(damaged, at, byte);
        const inOne = await found(afterKill(damaged));
        expect(await found(afterKill(damaged), steps), `slot ${slot}, byte ${within}`).toEqual(
          inOne,
        );
        seen.add(JSON.stringify((inOne as Partial<ExaminedLog>).verdict));
      }
    }
    expect(seen.size).toBeGreaterThan(2);
  });
});

describe('a ring that several reads bring', () => {
  test('is recovered, over its end as well', async () => {
    let twin = await formattedTwin(largeGeometry, largeRing);
    for (const version of [1, 2, 3, 4]) {
      await write(await open(twin, largeRing), 350, version);
      twin = afterKill(twin);
      const again = await open(twin, largeRing);
      for (let block = 0; block < 350; block++) expect(await versionOf(again, block)).toBe(version);
      twin = afterKill(twin);
    }
  });

  test('is read again where its end shows that the superblock had fallen back (rule R7)', async () => {
    const twin = await formattedTwin(largeGeometry, largeRing);
    const journal = await open(twin, largeRing);
    const slots = superblockSlots(twin.drive.geometry);
    const old = slots.map((at) => bytesAt(twin.drive.image, at, 4096));
    await write(journal, 420, 1);
    const killed = afterKill(twin);
    expect(newestOn(killed.drive.image, killed.drive.geometry).tail.pageSeq).toBeGreaterThan(0);
    slots.forEach((at, index) => {
      overwrite(killed, at, old[index]!);
    });
    const io = new DeviceIo(killed.drive, 'none', new WriteTally());
    const superblock = newestOn(killed.drive.image, killed.drive.geometry);
    const { early } = await readLog(io, superblock, crc32cOf(killed.platform), undefined);
    expect(early).toBeUndefined();
    const again = await open(killed, largeRing);
    expect(again.recovery.note).toContain('R7');
    for (let block = 0; block < 420; block++) expect(await versionOf(again, block)).toBe(1);
  });
});
