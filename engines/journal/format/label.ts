import type { Crc32c } from './crc32c.ts';
import type { Superblock } from './superblock.ts';
import { viewOf } from './u64.ts';

/** For people with a hex editor: never read by the engine. */
export function encodeLabel({ identity, layout }: Superblock, target: Uint8Array): void {
  const uuid = Array.from(identity.uuid, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const text = `powercut journal, format 1\nuuid ${uuid}\nring ${layout.ringPages} pages of ${layout.pageBytes} bytes at byte ${layout.extents.ring.byteOffset}\n`;
  target.fill(0);
  target.set(new TextEncoder().encode(text));
}

/**
 * The first page of a data device of its own, which says whose data it holds: "JDT1", the journal's
 * uuid, and a CRC over both. Destaging to somebody else's device would destroy it.
 */
const dataMagic = 0x3154444a;
const uuidAt = 8;
const crcAt = 24;

export function encodeDataLabel(uuid: Uint8Array, target: Uint8Array, crc32c: Crc32c): void {
  target.fill(0);
  const view = viewOf(target);
  view.setUint32(0, dataMagic, true);
  target.set(uuid, uuidAt);
  view.setUint32(crcAt, crc32c(target.subarray(0, crcAt)), true);
}

export function isDataLabelOf(uuid: Uint8Array, bytes: Uint8Array, crc32c: Crc32c): boolean {
  const owner = dataOwner(bytes, crc32c);
  return owner !== undefined && uuid.every((byte, index) => byte === owner[index]);
}

/** The uuid of the journal whose data the device holds; undefined where the label is none. */
export function dataOwner(bytes: Uint8Array, crc32c: Crc32c): Uint8Array | undefined {
  const view = viewOf(bytes);
  const isWhole =
    view.getUint32(0, true) === dataMagic &&
    view.getUint32(crcAt, true) === crc32c(bytes.subarray(0, crcAt));
  return isWhole ? bytes.subarray(uuidAt, crcAt) : undefined;
}
