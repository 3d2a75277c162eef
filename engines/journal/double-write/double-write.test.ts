import { crc32c } from '@node-rs/crc32';
import { describe, expect, test } from 'vitest';
import type { JournalOptions } from '../config.ts';
import { generationExtent, mirrorExtent, type Layout } from '../format/layout.ts';
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
import { decodeGenerationHeader, encodeGenerationHeader } from './generation-header.ts';

const geometry = driveGeometry({ supportsFua: false, logicalBlockBytes: 512 });
const mapped = { ...smallOptions, mode: 'ordered', idleWatermark: false } satisfies JournalOptions;
const mirrored = {
  ...smallOptions,
  doubleWrite: 'full',
  idleWatermark: false,
} satisfies JournalOptions;

interface Written {
  readonly twin: Twin;
  readonly layout: Layout;
  readonly journal: Journal;
}

async function written(options: JournalOptions, count: number, on = geometry): Promise<Written> {
  const twin = await formattedTwin(on, options);
  const journal = await open(twin, options);
  for (let version = 1; version <= count; version++) {
    await journal.write(version % 8, blockOf(version % 8, version));
  }
  return { twin, layout: journal.layout, journal };
}

function bytesOf({ drive }: Twin, byteOffset: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  drive.image.read(byteOffset, bytes);
  return bytes;
}

async function expectVersions(journal: Journal, newest: number): Promise<void> {
  for (let version = newest - 7; version <= newest; version++) {
    expect(await versionOf(journal, version % 8)).toBe(version);
  }
}

describe('the map of a block-mapped volume @req C5', () => {
  /** So many writes that the map has been written, and the log behind it given up. */
  const enough = 80;

  test('is put back from the double-write area where a page of it was torn', async () => {
    const { twin, layout } = await written(mapped, enough);
    const killed = afterKill(twin);
    const mapAt = layout.extents.map.byteOffset;
    overwrite(killed, mapAt + 512, new Uint8Array(512).fill(0xee));
    const journal = await open(killed, mapped);
    await expectVersions(journal, enough);
  });

  test('is refused, by the number of its page, where no copy of the torn page is left', async () => {
    const options = { ...mapped, doubleWrite: 'off' } as const;
    const { twin, layout } = await written(options, enough);
    const killed = afterKill(twin);
    overwrite(killed, layout.extents.map.byteOffset + 512, new Uint8Array(512).fill(0xee));
    await expect(open(killed, options)).rejects.toMatchObject({
      reason: 'corrupt',
      message: expect.stringContaining('page 0 of the block map') as unknown,
    });
  });

  test('is not touched by a generation of which a copy is not whole (M26)', async () => {
    const { twin, layout, journal } = await written(mapped, enough);
    await journal.close();
    const closed = afterKill(twin);
    const before = bytesOf(closed, layout.extents.map.byteOffset, 4096);
    for (const parity of [0, 1]) {
      const { byteOffset } = generationExtent(layout, parity);
      overwrite(closed, byteOffset + 4096 + 512, new Uint8Array(512).fill(0xee));
    }
    const reopened = await open(closed, mapped);
    expect(bytesOf(closed, layout.extents.map.byteOffset, 4096)).toEqual(before);
    await expectVersions(reopened, enough);
  });

  test('is not set back by a generation from before the beginning of the log', async () => {
    const { twin, layout, journal } = await written(mapped, enough);
    const early = [0, 1].map((parity) => {
      const { byteOffset, byteCount } = generationExtent(layout, parity);
      return { byteOffset, bytes: bytesOf(twin, byteOffset, byteCount) };
    });
    for (let version = enough + 1; version <= 3 * enough; version++) {
      await journal.write(version % 8, blockOf(version % 8, version));
    }
    await journal.close();
    const closed = afterKill(twin);
    for (const { byteOffset, bytes } of early) overwrite(closed, byteOffset, bytes);
    await expectVersions(await open(closed, mapped), 3 * enough);
  });
});

describe('a log that is written twice @req C5', () => {
  const ofRing = ({ extents }: Layout): number => extents.ring.byteOffset;
  const ofMirror = (layout: Layout): number => mirrorExtent(layout).byteOffset;

  test('stands in both rings, byte for byte', async () => {
    const { twin, layout } = await written(mirrored, 10, driveGeometry());
    const { byteCount } = layout.extents.ring;
    const ring = bytesOf(twin, ofRing(layout), byteCount);
    expect(bytesOf(twin, ofMirror(layout), byteCount)).toEqual(ring);
  });

  test.each([
    ['rotten', 'the ring', ofRing],
    ['rotten', 'the mirror', ofMirror],
    ['missing', 'the ring', ofRing],
    ['missing', 'the mirror', ofMirror],
  ] as const)('survives any page that is %s in %s, and has two again', async (how, _, placeOf) => {
    const { twin, layout } = await written(mirrored, 10, driveGeometry());
    const { pageBytes, extents } = layout;
    const fresh = await formattedTwin(driveGeometry(), mirrored);
    for (const slot of [0, 7, 18, 19]) {
      const killed = afterKill(twin);
      const at = placeOf(layout) + slot * pageBytes;
      const page = bytesOf(killed, at, pageBytes);
      const older = bytesOf(fresh, at, pageBytes);
      if (how === 'rotten') page[1000]! ^= 4;
      overwrite(killed, at, how === 'rotten' ? page : older);
      await expectVersions(await open(killed, mirrored), 10);
      const ring = bytesOf(killed, extents.ring.byteOffset, 20 * pageBytes);
      expect(bytesOf(killed, ofMirror(layout), 20 * pageBytes)).toEqual(ring);
    }
  });

  test('survives rot in every page of the ring', async () => {
    const { twin, layout } = await written(mirrored, 10, driveGeometry());
    const killed = afterKill(twin);
    overwrite(killed, ofRing(layout), new Uint8Array(layout.extents.ring.byteCount).fill(0xee));
    await expectVersions(await open(killed, mirrored), 10);
  });

  test('is refused where a page has rotted in both', async () => {
    const { twin, layout } = await written(mirrored, 10, driveGeometry());
    const killed = afterKill(twin);
    for (const at of [ofRing(layout), ofMirror(layout)]) {
      overwrite(killed, at + 3 * layout.pageBytes + 1500, Uint8Array.of(0xee, 0xee, 0xee));
    }
    await expect(open(killed, mirrored)).rejects.toMatchObject({ reason: 'corrupt' });
  });
});

describe('the header of a generation', () => {
  const identity = { uuid: new Uint8Array(16).fill(7), salt: 99 };
  const header = {
    generation: 12,
    endLsn: 345,
    targets: [
      { byteOffset: 2 ** 33, digest: 1 },
      { byteOffset: 2 ** 33 + 4096, digest: 0xffffffff },
    ],
  };
  const encoded = (): Uint8Array => {
    const bytes = new Uint8Array(4096);
    encodeGenerationHeader(bytes, header, identity, crc32c);
    return bytes;
  };

  test('comes back as it was encoded', () => {
    expect(decodeGenerationHeader(encoded(), identity, crc32c)).toEqual(header);
  });

  test('is not taken with a flipped bit, nor by another journal', () => {
    for (let bit = 0; bit < 4096 * 8; bit += 101) {
      const bytes = encoded();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeGenerationHeader(bytes, identity, crc32c)).toBeUndefined();
    }
    expect(decodeGenerationHeader(encoded(), { ...identity, salt: 98 }, crc32c)).toBeUndefined();
  });
});
