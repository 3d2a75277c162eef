/**
 * What a block says of itself, so that whatever is read back can be told apart: this write, an older
 * one, another block's, half of one and half of another, or none of ours. The layout (all numbers
 * little-endian; a block is any multiple of 512 bytes, a record any length from `recordBytesMin`):
 *
 *     every sector of 512 bytes begins with a tag, so that a torn block names the operation of each:
 *        0  u32  run: a hash of the seed
 *        4  u32  operation
 *        8  u32  block, the low 32 bits (0 in a record)
 *       12  u16  sector within the block, the low 16 bits
 *       14  u16  magic 0x5750
 *     the first sector goes on with the header:
 *       16  f64  seed
 *       24  f64  value
 *       32  u8   layout version (1)
 *       33  u8   kind: 1 block, 2 record
 *       34  u16  place of the block within its operation, the low 16 bits
 *       36  u32  writer
 *       40  u32  epoch
 *     then filler from a fixed pattern that does not compress, at a place derived from seed,
 *     operation and block; and in the last four bytes the CRC-32C of all bytes before them.
 *
 * The checksum stands last so that one call covers everything.
 */
import assert from 'node:assert/strict';
import {
  initialContents,
  type BlockDamage,
  type BlockNumber,
  type BlockStamp,
  type OpId,
} from '../contract/index.ts';
import { fold, formOf, type Example } from './block-form.ts';
import { crc32c } from './crc32c.ts';
import { fillerStart, writeFiller } from './filler.ts';

const sectorBytes = 512;
const tagBytes = 16;
const headerBytes = 44;
const checksumBytes = 4;
const fieldBytes = 4;
const magic = 0x5750;
const layoutVersion = 1;
const kindBlock = 1;
const kindRecord = 2;

/** The shortest payload that can carry a stamp. */
export const recordBytesMin = headerBytes + checksumBytes;

export interface StampFields extends BlockStamp {
  /** Which of its operation's blocks this is, from 0. */
  readonly place?: number;
}

/** What was read: the operation whose whole stamp it is (or `initialContents`), or how it is damaged. */
export type Inspected = { readonly op: OpId; readonly value: number } | BlockDamage;

const untouched: Inspected = { op: initialContents, value: NaN };

/** Fills a whole block of the engine's volume. */
export function writeStamp(target: Uint8Array, stamp: StampFields): void {
  assert(target.length > 0, 'a block has at least one sector');
  assert(target.length % sectorBytes === 0, `a block is whole sectors, not ${target.length} bytes`);
  fill(target, stamp, kindBlock);
}

/** Fills the payload of an append. */
export function writeRecordStamp(target: Uint8Array, stamp: StampFields): void {
  assert(
    target.length >= recordBytesMin,
    `a record has at least ${recordBytesMin} bytes, not ${target.length}`,
  );
  fill(target, stamp, kindRecord);
}

function fill(target: Uint8Array, stamp: StampFields, kind: number): void {
  const { seed, op, block } = stamp;
  const run = runOf(seed);
  const start = fillerStart(run, op, block, target.length);
  const form = kind === kindBlock ? formOf(target.length, exampleOf) : undefined;
  if (form === undefined) writeFiller(target, start);
  else target.set(form.fillerAt(start));
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  writeTags(view, target.length, run, op, block);
  writeHeader(view, stamp, kind);
  const checksumAt = target.length - checksumBytes;
  const checksum =
    form === undefined
      ? crc32c(target.subarray(0, checksumAt))
      : form.checksum(start, fold(fold(run, op), block), foldedHeader(view));
  view.setUint32(checksumAt, checksum, true);
}

/** The last field of a tag is the block: the sector and the magic are the same in every stamp. */
function exampleOf(byteCount: number): Example {
  const bytes = new Uint8Array(byteCount);
  const view = new DataView(bytes.buffer);
  return (start, inTags, inHeader) => {
    writeFiller(bytes, start);
    writeTags(view, byteCount, 0, 0, inTags);
    bytes.fill(0, tagBytes, headerBytes);
    view.setUint32(headerBytes - fieldBytes, inHeader, true);
    return crc32c(bytes.subarray(0, byteCount - checksumBytes));
  };
}

function writeTags(
  view: DataView,
  byteCount: number,
  run: number,
  op: number,
  block: number,
): void {
  const end = lastTagAt(byteCount);
  for (let offset = 0, sector = 0; offset <= end; offset += sectorBytes, sector++) {
    view.setUint32(offset, run, true);
    view.setUint32(offset + 4, op, true);
    view.setUint32(offset + 8, block, true);
    view.setUint32(offset + 12, (sector & 0xffff) | (magic << 16), true);
  }
}

/** Behind the tag of the first sector. What is less than four bytes goes in with its neighbours. */
function writeHeader(view: DataView, stamp: StampFields, kind: number): void {
  const place = (stamp.place ?? 0) & 0xffff;
  view.setFloat64(16, stamp.seed, true);
  view.setFloat64(24, stamp.value, true);
  view.setUint32(32, layoutVersion | (kind << 8) | (place << 16), true);
  view.setUint32(36, stamp.writer, true);
  view.setUint32(40, stamp.epoch, true);
}

function foldedHeader(view: DataView): number {
  let folded = 0;
  for (let offset = tagBytes; offset < headerBytes; offset += fieldBytes) {
    folded = fold(folded, view.getUint32(offset, true));
  }
  return folded;
}

/** The last byte offset at which there is room for a tag. */
function lastTagAt(byteCount: number): number {
  return byteCount - checksumBytes - tagBytes;
}

/** Says what a block that was read at `block` of a run with this seed holds. */
export function inspectBlock(bytes: Uint8Array, block: BlockNumber, seed: number): Inspected {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isWhole(bytes, view, seed)) return damageOf(view, seed);
  const isOurs = view.getUint8(33) === kindBlock && view.getUint32(8, true) === block >>> 0;
  if (!isOurs) return { kind: 'misdirected', stamp: stampOf(view) };
  return { op: view.getUint32(4, true), value: view.getFloat64(24, true) };
}

/** Says what a record that was read from the log holds. */
export function inspectRecord(bytes: Uint8Array, seed: number): Inspected {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isWhole(bytes, view, seed)) return damageOf(view, seed);
  if (view.getUint8(33) !== kindRecord) return { kind: 'misdirected', stamp: stampOf(view) };
  return { op: view.getUint32(4, true), value: view.getFloat64(24, true) };
}

function isWhole(bytes: Uint8Array, view: DataView, seed: number): boolean {
  if (bytes.length < recordBytesMin || view.getUint32(0, true) !== runOf(seed)) return false;
  const checksumAt = bytes.length - checksumBytes;
  return (
    view.getUint32(checksumAt, true) === crc32c(bytes.subarray(0, checksumAt)) &&
    view.getFloat64(16, true) === seed &&
    view.getUint8(32) === layoutVersion
  );
}

/** What a whole stamp of the run says, whatever block it was read from; undefined for other bytes. */
export function readStamp(bytes: Uint8Array, seed: number): BlockStamp | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isWhole(bytes, view, seed) ? stampOf(view) : undefined;
}

/** Reads the header of a whole stamp. */
function stampOf(view: DataView): BlockStamp {
  return {
    seed: view.getFloat64(16, true),
    block: view.getUint32(8, true),
    op: view.getUint32(4, true),
    writer: view.getUint32(36, true),
    epoch: view.getUint32(40, true),
    value: view.getFloat64(24, true),
  };
}

/**
 * Content without any tag of the run is what was there before the run, whatever that is: nothing can
 * be said against it here. Zeros are told apart, since drives and file systems make them.
 */
function damageOf(view: DataView, seed: number): Inspected {
  const sectorOps = sectorOpsOf(view, runOf(seed));
  const [first] = sectorOps;
  if (sectorOps.some((op) => op !== first)) return { kind: 'torn', sectorOps };
  if (first !== 0) return { kind: 'corrupt' };
  return isZero(view) ? { kind: 'zeroed' } : untouched;
}

function sectorOpsOf(view: DataView, run: number): OpId[] {
  const ops: OpId[] = [];
  const end = Math.max(lastTagAt(view.byteLength), 0);
  for (let offset = 0; offset <= end; offset += sectorBytes) {
    ops.push(isTag(view, offset, run) ? view.getUint32(offset + 4, true) : 0);
  }
  return ops;
}

function isTag(view: DataView, offset: number, run: number): boolean {
  return (
    offset + tagBytes <= view.byteLength &&
    view.getUint32(offset, true) === run &&
    view.getUint16(offset + 14, true) === magic
  );
}

function isZero(view: DataView): boolean {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return bytes.length > 0 && bytes[0] === 0 && bytes.equals(zeros(bytes.length));
}

let zeroBytes = Buffer.alloc(4096);

function zeros(byteCount: number): Buffer {
  if (zeroBytes.length < byteCount) zeroBytes = Buffer.alloc(byteCount);
  return zeroBytes.subarray(0, byteCount);
}

/**
 * The tags of a stamped block or record of that many bytes, one per sector: bytes by which it is
 * found inside whatever an engine wrapped around it, since no other operation and no other block
 * carries them.
 */
export function sectorTags(
  stamp: Pick<BlockStamp, 'seed' | 'op' | 'block'>,
  byteCount: number,
): Buffer[] {
  const bytes = Buffer.alloc(byteCount);
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteCount);
  writeTags(view, byteCount, runOf(stamp.seed), stamp.op, stamp.block);
  const tags: Buffer[] = [];
  for (let offset = 0; offset <= lastTagAt(byteCount); offset += sectorBytes) {
    tags.push(bytes.subarray(offset, offset + tagBytes));
  }
  return tags;
}

let lastSeed = NaN;
let lastRun = 0;

/** A 32-bit hash of the seed (both halves of the double, MurmurHash3's fmix32); never 0. */
function runOf(seed: number): number {
  if (seed === lastSeed) return lastRun;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, seed, true);
  let mixed = view.getUint32(0, true) ^ Math.imul(view.getUint32(4, true), 0x9e3779b1) ^ 0x50574352;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  lastSeed = seed;
  lastRun = ((mixed ^ (mixed >>> 16)) | 1) >>> 0;
  return lastRun;
}
