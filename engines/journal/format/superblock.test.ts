import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { driveGeometry } from '../twin.fixture.ts';
import { ownerOf, owns, withEpoch, type EpochEntry } from './epoch-table.ts';
import { planLayout, superblockSlots, type LayoutWish } from './layout.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  superblockBytes,
  type Superblock,
} from './superblock.ts';

const wish: LayoutWish = {
  pageBytes: 16384,
  ringPages: 64,
  segmentPages: 16,
  dataBlocks: 64,
  spareBlocks: 9,
  trustAtomicUnit: true,
  mode: 'ordered',
  doubleWrite: 'full',
};
const plain: LayoutWish = { ...wish, mode: 'journal', doubleWrite: 'off' };

function epochEntry(epoch: number, firstPageSeq: number): EpochEntry {
  const salt = new Uint8Array(32).fill(epoch);
  return { epochFrom: epoch, epoch, firstPageSeq, firstLsn: firstPageSeq * 3, salt };
}

function example(): Superblock {
  return {
    sequence: 12,
    isClean: true,
    identity: { uuid: Uint8Array.from({ length: 16 }, (_, index) => index), salt: 77 },
    layout: planLayout(wish, driveGeometry(), driveGeometry({ logicalBlockBytes: 512 })),
    trustsAtomicUnit: true,
    epochs: [epochEntry(1, 64), epochEntry(2, 90)],
    tail: { pageSeq: 80, nextLsn: 200, batchNo: 30, prevDigest: 0xffffffff },
    durableLsn: 230,
    durablePageSeq: 96,
    claimedEnd: 90,
    nextLsnFloor: 231,
    releasedLsn: 5,
    freePageLsn: 2 ** 33 + 9,
    windowPages: 16,
    mode: 'undo-redo',
    isStrict: true,
    doubleWrite: 'full',
    keyId: new Uint8Array(16).fill(9),
    durability: {
      journal: { path: 'flush', fuaNs: 4_007_000, flushNs: 1_643_000 },
      data: { path: 'none', fuaNs: 0, flushNs: 0 },
    },
    consumers: { asOfLsn: 190, consumers: [{ name: 'índice', watermark: 150 }] },
  };
}

function encoded(): Uint8Array {
  const bytes = new Uint8Array(superblockBytes);
  encodeSuperblock(example(), bytes, crc32c);
  return bytes;
}

test('a superblock comes back as it was encoded', () => {
  expect(decodeSuperblock(encoded(), crc32c)).toEqual({ kind: 'valid', superblock: example() });
});

test('a superblock with any flipped bit is not taken', () => {
  const bytes = encoded();
  for (let bit = 0; bit < superblockBytes * 8; bit += 7) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeSuperblock(bytes, crc32c).kind, `bit ${bit}`).not.toBe('valid');
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('the digest is checked beside the CRC', () => {
  const bytes = encoded();
  bytes[300]! ^= 1;
  new DataView(bytes.buffer).setUint32(4092, crc32c(bytes.subarray(0, 4092)), true);
  expect(decodeSuperblock(bytes, crc32c).kind).toBe('damaged');
});

test('a newer format is told apart from damage (I19)', () => {
  const bytes = encoded();
  new DataView(bytes.buffer).setUint16(4, 2, true);
  new DataView(bytes.buffer).setUint32(4092, crc32c(bytes.subarray(0, 4092)), true);
  expect(decodeSuperblock(bytes, crc32c)).toEqual({ kind: 'newer', version: 2 });
});

test('slots and extents lie apart and inside the device', () => {
  const geometry = driveGeometry();
  const { extents, journalDeviceBytes } = planLayout(plain, geometry, undefined);
  const slots = superblockSlots(geometry);
  expect(slots).toEqual([
    65_536,
    131_072,
    journalDeviceBytes - 983_040,
    journalDeviceBytes - 917_504,
  ]);
  expect(extents.ring).toEqual({ byteOffset: 2 ** 20, byteCount: 64 * 16384 });
  expect(extents.data.byteOffset).toBeGreaterThanOrEqual(2 ** 21);
  expect(extents.data.byteOffset + extents.data.byteCount).toBeLessThanOrEqual(slots[2]! - 65_536);
});

test('a device that is too small is refused with the bytes that it takes', () => {
  const small = driveGeometry({ capacityBlocks: 512 });
  expect(() => planLayout(plain, small, undefined)).toThrow(
    /journal device has 2097152 bytes, expected at least 4493312/,
  );
});

test('each page belongs to the newest epoch that begins at or before it (R6)', () => {
  const epochs = [epochEntry(1, 64), epochEntry(2, 90)];
  expect(ownerOf(epochs, 63)).toBeUndefined();
  expect(ownerOf(epochs, 89)?.epoch).toBe(1);
  expect(ownerOf(epochs, 90)?.epoch).toBe(2);
  expect(owns(ownerOf(epochs, 90), 1)).toBe(false);
  expect(owns(undefined, 1)).toBe(false);
});

test('the epoch table drops what is behind the tail and merges its oldest when it is full', () => {
  let epochs: readonly EpochEntry[] = [epochEntry(1, 64)];
  for (let epoch = 2; epoch <= 45; epoch++) {
    epochs = withEpoch(epochs, epochEntry(epoch, 64 + epoch), 64);
  }
  expect(epochs).toHaveLength(31);
  // The salt is that of the first: the others of a merged entry stand in the log.
  expect(epochs[0]).toEqual({ ...epochEntry(1, 64), epoch: 15 });
  expect(owns(ownerOf(epochs, 70), 6)).toBe(true);
  expect(withEpoch(epochs, epochEntry(46, 200), 200)).toEqual([epochEntry(46, 200)]);
  expect(withEpoch([epochEntry(1, 64)], epochEntry(2, 64), 64)).toEqual([epochEntry(2, 64)]);
});
