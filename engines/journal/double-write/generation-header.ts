import type { Crc32c } from '../format/crc32c.ts';
import { blockBytes, generationBlocksMax } from '../format/layout.ts';
import type { JournalIdentity } from '../format/page.ts';
import { readU64, viewOf, writeU64 } from '../format/u64.ts';

/**
 * The first block of a generation of the double-write area (README, "Double-write area"): which
 * blocks of the data device the copies behind it are of. The copies count only together with it.
 */
export interface GenerationHeader {
  readonly generation: number;
  /** The copies hold what every record before that LSN says of their blocks; of later ones maybe. */
  readonly endLsn: number;
  /** In the order of the copies. */
  readonly targets: readonly GenerationTarget[];
}

export interface GenerationTarget {
  /** On the device of the data. */
  readonly byteOffset: number;
  readonly digest: number;
}

/** "JDW1" in the order of the bytes on the medium. */
const magic = 0x3157444a;
const format = 1;

const at = {
  magic: 0,
  format: 4,
  count: 6,
  generation: 8,
  uuid: 16,
  endLsn: 32,
  salt: 40,
  crc: 60,
  targets: 64,
} as const;
const targetBytes = 16;

export function encodeGenerationHeader(
  target: Uint8Array,
  { generation, endLsn, targets }: GenerationHeader,
  { uuid, salt }: JournalIdentity,
  crc32c: Crc32c,
): void {
  target.fill(0);
  const view = viewOf(target);
  view.setUint32(at.magic, magic, true);
  view.setUint16(at.format, format, true);
  view.setUint16(at.count, targets.length, true);
  writeU64(view, at.generation, generation);
  target.set(uuid, at.uuid);
  writeU64(view, at.endLsn, endLsn);
  view.setUint32(at.salt, salt, true);
  targets.forEach(({ byteOffset, digest }, index) => {
    writeU64(view, at.targets + index * targetBytes, byteOffset);
    view.setUint32(at.targets + index * targetBytes + 8, digest, true);
  });
  view.setUint32(at.crc, crcOf(target, crc32c), true);
}

/** Undefined where the block is not a whole header of that journal's. */
export function decodeGenerationHeader(
  bytes: Uint8Array,
  { uuid, salt }: JournalIdentity,
  crc32c: Crc32c,
): GenerationHeader | undefined {
  const view = viewOf(bytes);
  const count = view.getUint16(at.count, true);
  const isWhole =
    view.getUint32(at.magic, true) === magic &&
    view.getUint16(at.format, true) === format &&
    view.getUint32(at.salt, true) === salt &&
    count <= generationBlocksMax &&
    uuid.every((byte, index) => byte === bytes[at.uuid + index]) &&
    view.getUint32(at.crc, true) === crcOf(bytes, crc32c);
  if (!isWhole) return undefined;
  return {
    generation: readU64(view, at.generation),
    endLsn: readU64(view, at.endLsn),
    targets: Array.from({ length: count }, (_, index) => ({
      byteOffset: readU64(view, at.targets + index * targetBytes),
      digest: view.getUint32(at.targets + index * targetBytes + 8, true),
    })),
  };
}

const noCrc = new Uint8Array(4);

function crcOf(bytes: Uint8Array, crc32c: Crc32c): number {
  const head = crc32c(bytes.subarray(0, at.crc));
  return crc32c(bytes.subarray(at.crc + 4, blockBytes), crc32c(noCrc, head));
}
