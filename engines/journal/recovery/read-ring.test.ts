import { describe, expect, test } from 'vitest';
import { createRandom, type BlockDevice } from '../../../harness/contract/index.ts';
import { createImage } from '../../../harness/drive/image.ts';
import { DeviceIo } from '../io/device-io.ts';
import { WriteTally } from '../io/write-tally.ts';
import { driveGeometry, overwrite, twinOn, type Twin } from '../twin.fixture.ts';
import type { Layout } from '../format/layout.ts';
import { beginningWith, offsetOfSlot, readRing, type RingContents } from './read-ring.ts';

const pageBytes = 4096;
/** More than two of the large reads, and not a whole number of them. */
const ringPages = 600;
const ring = { byteOffset: 2 ** 20, byteCount: ringPages * pageBytes };
const layout = { pageBytes, extents: { ring } } as Layout;
const slots = Array.from({ length: ringPages }, (_, slot) => slot);
const firstSlots = [0, 1, 256, ringPages - 1];

/** A drive whose ring has the number of each slot in all of its page. */
function numberedRing(): Twin {
  const geometry = driveGeometry({ logicalBlockBytes: 512 });
  const twin = twinOn(createImage(geometry, 1), geometry, createRandom(1));
  const words = new Uint32Array((ringPages * pageBytes) / 4);
  for (const slot of slots) words.fill(slot, (slot * pageBytes) / 4);
  overwrite(twin, ring.byteOffset, new Uint8Array(words.buffer));
  return twin;
}

function read(twin: Twin, firstSlot: number): Promise<RingContents> {
  const io = new DeviceIo(twin.drive, 'none', new WriteTally());
  return readRing(io, layout, { firstSlot });
}

/** By slot: the number that stands in all of its page. */
function numbersIn(contents: RingContents): number[] {
  return Array.from({ length: ringPages }, (_, slot) => {
    const at = offsetOfSlot(contents, slot, pageBytes);
    const { buffer, byteOffset } = contents.pages.bytes;
    const words = new Uint32Array(buffer, byteOffset + at, pageBytes / 4);
    return words.every((word) => word === words[0]) ? words[0]! : -1;
  });
}

describe.each(firstSlots)('a ring that is read from slot %i on', (firstSlot) => {
  test('begins with that slot and has every page, in the order of the ring', async () => {
    const contents = await read(numberedRing(), firstSlot);
    expect(offsetOfSlot(contents, firstSlot, pageBytes)).toBe(0);
    expect(numbersIn(contents)).toEqual(slots);
    expect(contents.unreadable.size).toBe(0);
  });

  test('names the slots that cannot be read, and has all others', async () => {
    const twin = numberedRing();
    const broken = [0, 299, ringPages - 1];
    for (const slot of broken) makeUnreadable(twin, slot);
    const contents = await read(twin, firstSlot);
    expect([...contents.unreadable].sort((a, b) => a - b)).toEqual(broken);
    const numbers = numbersIn(contents);
    expect(slots.filter((slot) => numbers[slot] !== slot && !broken.includes(slot))).toEqual([]);
  });

  test.each([0, 257])('can be turned so that it begins with slot %i', async (other) => {
    const turned = beginningWith(await read(numberedRing(), firstSlot), other, pageBytes);
    expect(offsetOfSlot(turned, other, pageBytes)).toBe(0);
    expect(numbersIn(turned)).toEqual(slots);
  });
});

/** Answers every read that waits with the last one first, so that pages come in the wrong order. */
function backwards({ drive }: Twin): BlockDevice {
  const waiting: (() => void)[] = [];
  const answerLast = (): void => {
    waiting.pop()?.();
    if (waiting.length > 0) setImmediate(answerLast);
  };
  return {
    name: drive.name,
    geometry: drive.geometry,
    allocate: (byteCount) => drive.allocate(byteCount),
    read: (lba, target) =>
      new Promise((resolve) => {
        if (waiting.length === 0) setImmediate(answerLast);
        waiting.push(() => {
          resolve(drive.read(lba, target));
        });
      }),
    write: (lba, source, flags) => drive.write(lba, source, flags),
    flush: () => drive.flush(),
    discard: (lba, blockCount) => drive.discard(lba, blockCount),
    [Symbol.asyncDispose]: () => drive[Symbol.asyncDispose](),
  };
}

test('whoever follows the reads is told of no page that is not there yet, and at last of all', async () => {
  const io = new DeviceIo(backwards(numberedRing()), 'none', new WriteTally());
  const told: number[] = [];
  await readRing(io, layout, {
    firstSlot: 256,
    onRead: (contents, pageCount) => {
      const numbers = numbersIn(contents);
      const expected = slots.map((slot) => (slot + 256) % ringPages);
      const seen = expected.map((slot) => numbers[slot]).slice(0, pageCount);
      expect(seen).toEqual(expected.slice(0, pageCount));
      told.push(pageCount);
    },
  });
  expect(told.at(-1)).toBe(ringPages);
  expect(told).toEqual([...told].sort((a, b) => a - b));
});

/** The third of the eight logical blocks of the slot's page. */
function makeUnreadable({ drive }: Twin, slot: number): void {
  const within = { byteOffset: ring.byteOffset + slot * pageBytes + 1024, byteCount: 512 };
  drive.arm(
    {
      fault: 'unreadable',
      faultClass: 'read-error',
      effect: { kind: 'fail-read', sticky: true },
      moment: { atNs: 0 },
      times: 'forever',
      within,
    },
    createRandom(1),
  );
  drive.beginWorkload();
}
