/**
 * The bytes that file operations write. Every 16 bytes of a file, counted from its begin, are a cell
 * (four u32, little-endian), whatever the offset and length of the write that put them there. With
 * `check` a hash of run, operation and number of the cell (its byte offset in the file, divided by 16):
 *
 *     0  run ^ check; the run is a hash of the seed
 *     4  operation ^ check rotated by 8 bits
 *     8  number of the cell ^ check rotated by 16 bits
 *    12  check
 *
 * So each cell says which operation wrote it, and for which place of a file, and each byte of it differs
 * from operation to operation. A write that begins or ends inside a cell carries just that part of it.
 */
import assert from 'node:assert/strict';
import type { OpId } from '../contract/index.ts';

export const cellBytes = 16;
const cellWords = cellBytes / 4;

export interface FileBytesSource {
  readonly seed: number;
  readonly op: OpId;
  /** Of the first byte of the target, in the file. */
  readonly byteOffset: number;
}

/** A cell of a file, as it was read. */
export type IdentifiedBytes =
  /** Written by the operation, for this cell number of a file. */
  | { readonly kind: 'written'; readonly op: OpId; readonly cell: number }
  | { readonly kind: 'zeros' }
  /** Bytes that no operation of the run writes. */
  | { readonly kind: 'foreign' };

const zeros: IdentifiedBytes = { kind: 'zeros' };
const foreign: IdentifiedBytes = { kind: 'foreign' };

/** Cells are made here and copied, as a target need not lie at a multiple of four bytes. */
const scratch = new Uint32Array(65_536 / 4);
const scratchBytes = new Uint8Array(scratch.buffer);

/** Fills the target with what the operation writes at that place of a file. */
export function fillFileBytes(target: Uint8Array, { seed, op, byteOffset }: FileBytesSource): void {
  assert(Number.isInteger(byteOffset) && byteOffset >= 0, `${byteOffset} is no byte offset`);
  const run = runOf(seed);
  let cell = Math.floor(byteOffset / cellBytes);
  let skip = byteOffset % cellBytes;
  for (let done = 0; done < target.length; skip = 0) {
    const cells = Math.min(
      Math.ceil((target.length - done + skip) / cellBytes),
      scratch.length / cellWords,
    );
    fillCells(cells, run, op, cell);
    const count = Math.min(cells * cellBytes - skip, target.length - done);
    target.set(scratchBytes.subarray(skip, skip + count), done);
    done += count;
    cell += cells;
  }
}

function fillCells(cells: number, run: number, op: OpId, first: number): void {
  for (let index = 0, cell = first; index < cells * cellWords; index += cellWords, cell++) {
    const check = checkOf(run, op, cell);
    scratch[index] = run ^ check;
    scratch[index + 1] = op ^ rotate(check, 8);
    scratch[index + 2] = cell ^ rotate(check, 16);
    scratch[index + 3] = check;
  }
}

/**
 * Says where the cell of that number came from. `content` is the whole file; its last cell may be
 * shorter than the others, and can then not be identified.
 */
export function identifyBytes(content: Uint8Array, seed: number, cell: number): IdentifiedBytes {
  const start = cell * cellBytes;
  const count = Math.min(cellBytes, content.length - start);
  assert(
    cell >= 0 && count > 0,
    `cell ${cell} lies beyond the ${content.length} bytes of the file`,
  );
  const view = new DataView(content.buffer, content.byteOffset + start, count);
  if (isZero(view)) return zeros;
  if (count < cellBytes) return foreign;
  const run = runOf(seed);
  const check = view.getUint32(12, true);
  if ((view.getUint32(0, true) ^ check) >>> 0 !== run) return foreign;
  const op = (view.getUint32(4, true) ^ rotate(check, 8)) >>> 0;
  const from = (view.getUint32(8, true) ^ rotate(check, 16)) >>> 0;
  return checkOf(run, op, from) === check ? { kind: 'written', op, cell: from } : foreign;
}

function isZero(view: DataView): boolean {
  for (let at = 0; at < view.byteLength; at++) {
    if (view.getUint8(at) !== 0) return false;
  }
  return true;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function checkOf(run: number, op: OpId, cell: number): number {
  let mixed = run ^ Math.imul(op, 0x9e3779b1) ^ Math.imul(cell, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

let lastSeed = NaN;
let lastRun = 0;

/** A hash of both halves of the seed (MurmurHash3's fmix32); never 0. Not that of block stamps. */
function runOf(seed: number): number {
  if (seed === lastSeed) return lastRun;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, seed, true);
  let mixed = view.getUint32(0, true) ^ Math.imul(view.getUint32(4, true), 0x9e3779b1) ^ 0x46494c45;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  lastSeed = seed;
  lastRun = ((mixed ^ (mixed >>> 16)) | 1) >>> 0;
  return lastRun;
}
