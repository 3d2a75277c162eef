import { mirrorExtent, type Layout } from '../format/layout.ts';
import type { Superblock } from '../format/superblock.ts';
import type { WritePart } from '../io/device-io.ts';

/**
 * Mode `full`: the pages of the log stand in a second ring too, byte for byte the same and in the same
 * slots. Whoever writes a batch writes these parts as well, and takes it for durable when both are.
 */
export interface PageMirror {
  /** Where the pages of a batch go, beside their places in the ring. */
  partsFor(firstPageSeq: number, bytes: Uint8Array): readonly WritePart[];
}

/** Undefined where the journal has no mirror. */
export function pageMirrorOf({
  doubleWrite,
  layout,
}: Pick<Superblock, 'doubleWrite' | 'layout'>): PageMirror | undefined {
  if (doubleWrite !== 'full') return undefined;
  const { byteOffset } = mirrorExtent(layout);
  return {
    partsFor: (firstPageSeq, bytes) => partsInRing(layout, byteOffset, firstPageSeq, bytes),
  };
}

/** Pages of a run by their slots, from the beginning of a ring: two parts over its end. */
function partsInRing(
  layout: Layout,
  ringAt: number,
  firstPageSeq: number,
  bytes: Uint8Array,
): readonly WritePart[] {
  const { pageBytes, ringPages } = layout;
  const at = (firstPageSeq % ringPages) * pageBytes;
  const firstBytes = Math.min(bytes.length, ringPages * pageBytes - at);
  const first = { byteOffset: ringAt + at, source: bytes.subarray(0, firstBytes) };
  if (firstBytes === bytes.length) return [first];
  return [first, { byteOffset: ringAt, source: bytes.subarray(firstBytes) }];
}
