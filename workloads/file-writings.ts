import type { InvariantContext, ObservedEntry, OpId } from '../harness/contract/index.ts';

/** Bytes that one operation put at one place of a file. */
export interface Writing {
  readonly op: OpId;
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** The appends to a new file, one after the other. */
export class Writings {
  readonly all: Writing[] = [];
  byteCount = 0;

  append(op: OpId, byteCount: number): void {
    this.all.push({ op, byteOffset: this.byteCount, byteCount });
    this.byteCount += byteCount;
  }
}

export function contentOf(entry: ObservedEntry | undefined): Uint8Array | undefined {
  return entry?.kind === 'file' ? entry.content : undefined;
}

/** Whether the file has the bytes of the operation there, at `at` or where the operation put them. */
export function shows(content: Uint8Array, writing: Writing, context: InvariantContext): boolean {
  const { op, byteOffset, byteCount } = writing;
  if (byteOffset + byteCount > content.length) return false;
  const bytes = context.bytesOf(op, byteOffset, byteCount);
  return Buffer.compare(bytes, content.subarray(byteOffset, byteOffset + byteCount)) === 0;
}

/** Whether the file is exactly what these operations wrote. */
export function isWhole(
  content: Uint8Array,
  writings: Writings,
  context: InvariantContext,
): boolean {
  if (content.length !== writings.byteCount) return false;
  return writings.all.every((writing) => shows(content, writing, context));
}
