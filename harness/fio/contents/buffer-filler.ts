import type { Random } from '../../contract/index.ts';
import type { FioJob, PatternPart } from '../job.ts';

/** Puts into a buffer what a job writes. Nothing is allocated per write. */
export interface BufferFiller {
  /** Fills `target` for the first time, for a write at `byteOffset`. */
  fill(target: Uint8Array, byteOffset: number): void;
  /**
   * Prepares a target that has been filled before for another write; `opNumber` counts the writes of
   * the job. Changes it only as far as the job asks for (`refill_buffers`, `scramble_buffers`).
   */
  change(target: Uint8Array, byteOffset: number, opNumber: number): void;
}

const sectorBytes = 512;
const two32 = 2 ** 32;

/** By default fresh buffers hold random bytes, and each write changes a few bytes of every sector. */
export function createBufferFiller(contents: FioJob['contents'], random: Random): BufferFiller {
  const draws = random.fork('buffers');
  const dedupe = random.fork('dedupe');
  let lastSeed = draws.uint32();
  const fill = (target: Uint8Array, byteOffset: number): void => {
    const isRepeated = contents.dedupePercent > 0 && dedupe.below(100) < contents.dedupePercent;
    if (!isRepeated) lastSeed = draws.uint32();
    fillWith(target, contents, byteOffset, lastSeed);
  };
  return {
    fill,
    change(target, byteOffset, opNumber): void {
      if (contents.isRefilled) fill(target, byteOffset);
      else if (contents.isScrambled) scramble(target, byteOffset, opNumber);
    },
  };
}

function fillWith(
  target: Uint8Array,
  contents: FioJob['contents'],
  byteOffset: number,
  seed: number,
): void {
  if (contents.isZero) target.fill(0);
  else if (contents.compressPercent > 0) fillCompressible(target, contents, byteOffset, seed);
  else if (contents.pattern !== null) fillPattern(target, contents.pattern, byteOffset);
  else fillRandom(target, seed);
}

/**
 * Bytes that do not compress, from a 32-bit seed: xorshift (Marsaglia 2003) over words. The same seed
 * gives the same bytes.
 */
export function fillRandom(target: Uint8Array, seed: number): void {
  let state = (seed ^ 0x9e3779b9) | 1;
  const wordCount = target.byteOffset % 4 === 0 ? target.length >>> 2 : 0;
  const words = new Uint32Array(target.buffer, wordCount === 0 ? 0 : target.byteOffset, wordCount);
  for (let at = 0; at < wordCount; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  for (let at = wordCount * 4; at < target.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    target[at] = state;
  }
}

/** Of every chunk, the first part is random and the rest zeros or the pattern, as in fio. */
function fillCompressible(
  target: Uint8Array,
  { compressPercent, compressChunkBytes, pattern }: FioJob['contents'],
  byteOffset: number,
  seed: number,
): void {
  fillRandom(target, seed);
  for (let begin = 0; begin < target.length; begin += compressChunkBytes) {
    const end = Math.min(begin + compressChunkBytes, target.length);
    const randomBytes = Math.floor(((end - begin) * (100 - compressPercent)) / 100);
    const rest = target.subarray(begin + randomBytes, end);
    if (pattern === null) rest.fill(0);
    else fillPattern(rest, pattern, byteOffset);
  }
}

/** Repeats the pattern over the whole target; `%o` is `byteOffset` in all of it, as in fio. */
export function fillPattern(
  target: Uint8Array,
  pattern: readonly PatternPart[],
  byteOffset: number,
): void {
  let at = 0;
  for (const part of pattern) {
    const bytes = part.kind === 'bytes' ? part.bytes : offsetBytes(byteOffset);
    for (const byte of bytes) if (at < target.length) target[at++] = byte;
  }
  // Each round doubles what is there, which is a whole number of patterns.
  for (; at > 0 && at < target.length; at *= 2) {
    target.copyWithin(at, 0, Math.min(at, target.length - at));
  }
}

const offsetBuffer = Buffer.alloc(8);

function offsetBytes(byteOffset: number): Uint8Array {
  offsetBuffer.writeUInt32LE(byteOffset % two32, 0);
  offsetBuffer.writeUInt32LE(Math.floor(byteOffset / two32), 4);
  return offsetBuffer;
}

/** 16 bytes of every sector, at a place that changes, become the write's offset and number. */
function scramble(target: Uint8Array, byteOffset: number, opNumber: number): void {
  const place = ((Math.floor(byteOffset / sectorBytes) + opNumber) % 31) * 16;
  if (target.byteOffset % 8 === 0) scrambleDoubles(target, byteOffset, opNumber, place);
  else scrambleBytes(target, byteOffset, opNumber, place);
}

const doublesPerSector = sectorBytes / 8;
/** Of the memory that was written last: one view serves all buffers that are cut from it. */
let doubles: Float64Array = new Float64Array(0);

function scrambleDoubles(
  { buffer, byteOffset: start, length }: Uint8Array,
  byteOffset: number,
  opNumber: number,
  place: number,
): void {
  if (doubles.buffer !== buffer) doubles = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
  const first = (start + place) >>> 3;
  const sectorCount = Math.floor(length / sectorBytes);
  for (let sector = 0; sector < sectorCount; sector++) {
    doubles[first + sector * doublesPerSector] = byteOffset + sector * sectorBytes;
    doubles[first + sector * doublesPerSector + 1] = opNumber;
  }
}

function scrambleBytes(
  target: Uint8Array,
  byteOffset: number,
  opNumber: number,
  place: number,
): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (let begin = 0; begin + sectorBytes <= target.length; begin += sectorBytes) {
    view.setFloat64(begin + place, byteOffset + begin, true);
    view.setFloat64(begin + place + 8, opNumber, true);
  }
}
