import { consumerNameBytesMax } from './consumer-mark.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * The consumers of appended records as the superblock keeps them, so that the log may lose the records
 * that say how far they are.
 */
export interface ConsumerTable {
  /** What marks of the log up to this LSN say is in the table; only later ones count beside it. */
  readonly asOfLsn: number;
  readonly consumers: readonly ConsumerProgress[];
}

export interface ConsumerProgress {
  readonly name: string;
  readonly watermark: number;
}

export const consumersMax = 24;
const headBytes = 16;
const entryBytes = 64;
const nameAt = 9;
export const noConsumers: ConsumerTable = { asOfLsn: 0, consumers: [] };

/** Whether they name the same consumers, each as far as the other does. */
export function isSameTable(a: ConsumerTable, b: ConsumerTable): boolean {
  const known = new Map(b.consumers.map(({ name, watermark }) => [name, watermark]));
  return (
    a.consumers.length === known.size &&
    a.consumers.every(({ name, watermark }) => known.get(name) === watermark)
  );
}

export function writeConsumerTable(target: Uint8Array, at: number, table: ConsumerTable): void {
  const view = viewOf(target);
  view.setUint32(at, table.consumers.length, true);
  writeU64(view, at + 8, table.asOfLsn);
  table.consumers.forEach(({ name, watermark }, index) => {
    const entryAt = at + headBytes + index * entryBytes;
    const text = new TextEncoder().encode(name);
    writeU64(view, entryAt, watermark);
    target[entryAt + 8] = text.length;
    target.set(text, entryAt + nameAt);
  });
}

export function readConsumerTable(bytes: Uint8Array, at: number): ConsumerTable {
  const view = viewOf(bytes);
  const count = Math.min(view.getUint32(at, true), consumersMax);
  const consumers = Array.from({ length: count }, (_, index) => {
    const entryAt = at + headBytes + index * entryBytes;
    const nameBytes = Math.min(bytes[entryAt + 8]!, consumerNameBytesMax);
    const text = bytes.subarray(entryAt + nameAt, entryAt + nameAt + nameBytes);
    return { name: new TextDecoder().decode(text), watermark: readU64(view, entryAt) };
  });
  return { asOfLsn: readU64(view, at + 8), consumers };
}
