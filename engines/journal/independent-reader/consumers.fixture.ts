import type { Log } from './log.fixture.ts';
import { isCallers, types, type LogRecord } from './record.fixture.ts';
import type { Superblock } from './superblock.fixture.ts';

/** A ConsumerMark, and the LSN with which it took effect. */
export interface Mark {
  readonly kind: 'progress' | 'join' | 'leave';
  readonly name: string;
  readonly watermark: number;
  readonly effectiveLsn: number;
}

/** Those that count, in the order in which they do. */
export function marksIn(records: readonly LogRecord[]): readonly Mark[] {
  const marks: Mark[] = [];
  const open = new Map<number, Omit<Mark, 'effectiveLsn'>[]>();
  for (const { type, lsn, payload } of records) {
    if (type === types.epochStart) open.clear();
    if (type === types.txnCommit) {
      const txid = payload.u64(0);
      marks.push(...(open.get(txid) ?? []).map((mark) => ({ ...mark, effectiveLsn: lsn })));
      open.delete(txid);
    }
    if (type !== types.consumerMark) continue;
    const mark = {
      kind: (['progress', 'join', 'leave'] as const)[payload.u8(16)]!,
      name: payload.text(18, payload.u8(17)),
      watermark: payload.u64(8),
    };
    const txid = payload.u64(0);
    if (txid === 0) marks.push({ ...mark, effectiveLsn: lsn });
    else open.set(txid, [...(open.get(txid) ?? []), mark]);
  }
  return marks;
}

/** How far each consumer is. */
export function watermarks(superblock: Superblock, marks: readonly Mark[]): Map<string, number> {
  const known = new Map(superblock.consumers.map(({ name, watermark }) => [name, watermark]));
  for (const { kind, name, watermark, effectiveLsn } of marks) {
    if (effectiveLsn <= superblock.consumersAsOf) continue;
    const before = known.get(name);
    if (kind === 'leave') known.delete(name);
    else if (kind === 'join') known.set(name, before ?? watermark);
    else if (before !== undefined) known.set(name, Math.max(before, watermark));
  }
  return known;
}

/** The caller's records that nobody has released. */
export function appendedIn(
  { records, superblock }: Log,
  known: ReadonlyMap<string, number>,
): readonly LogRecord[] {
  const { releasedLsn } = superblock;
  const slowest = known.size === 0 ? releasedLsn : Math.min(...known.values());
  const released = releasedLsn === 0 ? slowest : Math.min(slowest, releasedLsn);
  return records.filter((record) => isCallers(record) && record.lsn > released);
}
