import assert from 'node:assert/strict';

const wordRange = 2 ** 32;

/** Reads a little-endian u64 that the engine keeps below 2^53 (285 years at a million a second). */
export function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * wordRange + view.getUint32(offset, true);
}

export function writeU64(view: DataView, offset: number, value: number): void {
  // The text is made only where it is needed: making it takes longer than all the rest.
  if (!Number.isSafeInteger(value) || value < 0) assert.fail(`${value} is not a number below 2^53`);
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, Math.floor(value / wordRange), true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
