import { Buffer } from 'node:buffer';

/**
 * What a block of a new drive holds before anything is written to it: data of "someone else", never
 * zeros, so that code which trusts fresh blocks is caught, and recognisable, so that a verifier can
 * tell it from damage. Every sector of 512 bytes repeats one tag of 16 bytes: the magic, the seed of
 * the drive and the sector's number (both u32, little-endian).
 */
const sectorBytes = 512;
const tagBytes = 16;
const magic = Buffer.from('FOREIGN!', 'latin1');

/** Fills whole sectors with the pattern; `firstSector` counts sectors of 512 bytes on the drive. */
export function fillForeign(target: Uint8Array, seed: number, firstSector: number): void {
  const view = Buffer.from(target.buffer, target.byteOffset, target.length);
  for (let offset = 0; offset < target.length; offset += sectorBytes) {
    magic.copy(view, offset);
    view.writeUInt32LE(seed >>> 0, offset + 8);
    view.writeUInt32LE((firstSector + offset / sectorBytes) >>> 0, offset + 12);
    for (let filled = tagBytes; filled < sectorBytes; filled *= 2) {
      view.copyWithin(offset + filled, offset, offset + filled);
    }
  }
}

/** Whether the bytes are whole sectors of the pattern, of any drive and any place. */
export function isForeign(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length % sectorBytes !== 0) return false;
  if (bytes[0] !== magic[0]) return false;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < view.length; offset += sectorBytes) {
    if (!isForeignSector(view, offset)) return false;
  }
  return true;
}

function isForeignSector(view: Buffer, offset: number): boolean {
  const end = offset + sectorBytes;
  return (
    view.compare(magic, 0, magic.length, offset, offset + magic.length) === 0 &&
    view.compare(view, offset, end - tagBytes, offset + tagBytes, end) === 0
  );
}
