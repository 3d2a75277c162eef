import { createHash } from 'node:crypto';
import { crc32c } from './checksums.fixture.ts';
import { Fields, isSame, Refusal, type DeviceImage } from './medium.fixture.ts';

export interface Extent {
  readonly at: number;
  readonly byteCount: number;
}

export interface Epoch {
  readonly first: number;
  readonly last: number;
  readonly pageSeq: number;
  readonly lsn: number;
  readonly salt: Uint8Array;
}

export interface Consumer {
  readonly name: string;
  readonly watermark: number;
}

/** Where a batch begins, and what it must say to follow on. */
export interface Place {
  readonly pageSeq: number;
  readonly lsn: number;
  readonly batch: number;
  readonly digestBefore: number;
}

export type Superblock = ReturnType<typeof parse>;

export const modeNames = ['journal', 'ordered', 'writeback', 'undo-redo', 'none'] as const;
const extentNames = ['label', 'low', 'high', 'doubleWrite', 'ring', 'map', 'data'] as const;

export interface Slot {
  readonly slot: number;
  /** Undefined where it is not a whole one that belongs there. */
  readonly superblock: Superblock | undefined;
}

/** The four slots in their order. */
export function readSlots(device: DeviceImage): readonly Slot[] {
  const end = device.byteCount - (device.byteCount % 4096) - 2 ** 20;
  return [2 ** 16, 2 ** 17, end + 2 ** 16, end + 2 ** 17].map((at, slot) => {
    const found = parseWhole(device.read(at, 4096));
    const belongs = found !== undefined && found.sequence % 2 === slot % 2;
    return { slot, superblock: belongs ? found : undefined };
  });
}

export function newest(slots: readonly Slot[]): Superblock {
  const whole = slots.flatMap(({ superblock }) => superblock ?? []);
  whole.sort((a, b) => b.sequence - a.sequence);
  if (whole[0] === undefined) throw new Refusal('superblock', 'no superblock is whole');
  return whole[0];
}

export function parseWhole(bytes: Uint8Array): Superblock | undefined {
  const fields = new Fields(bytes);
  if (fields.text(0, 4) !== 'JSB1' || fields.u32(4092) !== crc32c(bytes.subarray(0, 4092))) {
    return undefined;
  }
  if (fields.u16(4) !== 1) throw new Refusal('superblock', `version ${fields.u16(4)}`);
  const digest = createHash('sha256').update(bytes.subarray(0, 4076)).digest();
  return isSame(digest.subarray(0, 16), fields.slice(4076, 16)) ? parse(fields) : undefined;
}

function parse(fields: Fields) {
  const flags = fields.u16(6);
  const extents = extentNames.map((name, index): [string, Extent] => [
    name,
    { at: fields.u64(64 + 16 * index), byteCount: fields.u64(72 + 16 * index) },
  ]);
  const tail: Place = {
    pageSeq: fields.u64(184),
    lsn: fields.u64(192),
    batch: fields.u32(248),
    digestBefore: fields.u32(252),
  };
  return {
    isClean: (flags & 1) !== 0,
    isEncrypted: (flags & 2) !== 0,
    hasMap: (flags & 4) !== 0,
    isStrict: (flags & 16) !== 0,
    isDataApart: (flags & 32) !== 0,
    uuid: fields.slice(8, 16),
    sequence: fields.u64(24),
    epoch: fields.u32(32),
    pageBytes: fields.u32(36),
    atomicUnit: fields.u32(40),
    logicalBlockBytes: fields.u32(44),
    journalBytes: fields.u64(48),
    dataBytes: fields.u64(56),
    extents: Object.fromEntries(extents) as Record<(typeof extentNames)[number], Extent>,
    segmentPages: fields.u32(176),
    ringPages: fields.u32(176) * fields.u32(180),
    tail,
    durableLsn: fields.u64(200),
    durablePageSeq: fields.u64(208),
    claimedEnd: fields.u64(216),
    lsnFloor: fields.u64(224),
    releasedLsn: fields.u64(232),
    window: fields.u32(240),
    salt: fields.slice(244, 4),
    keyId: fields.slice(256, 16),
    blocks: fields.u64(280),
    spareBlocks: fields.u64(288),
    mode: modeNames[fields.u8(296)]!,
    isDoubled: fields.u8(297) > 0,
    isMirrored: fields.u8(297) === 2,
    paths: [fields.u8(298), fields.u8(299)].map((path) => ['none', 'fua', 'flush'][path]),
    freePageLsn: fields.u64(320),
    calibrationNs: [304, 308, 312, 316].map((at) => fields.u32(at)),
    epochs: entries(fields.u32(272), 512, (at): Epoch => ({
      last: fields.u32(at),
      first: fields.u32(at + 4),
      pageSeq: fields.u64(at + 8),
      lsn: fields.u64(at + 16),
      salt: fields.slice(at + 24, 32),
    })),
    consumersAsOf: fields.u64(2504),
    consumers: entries(fields.u32(2496), 2512, (at): Consumer => ({
      watermark: fields.u64(at),
      name: fields.text(at + 9, fields.u8(at + 8)),
    })),
  };
}

function entries<T>(count: number, at: number, parseAt: (at: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => parseAt(at + 64 * index));
}
