import { crc32c } from '@node-rs/crc32';
import type { History } from '../../../harness/drive/history.ts';
import { pageRunOf, readPageHeader } from '../format/page.ts';
import { readRecordHeader, recordHeaderBytes } from '../format/record.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import { viewOf } from '../format/u64.ts';
import { pagePayloadsOf } from './medium.fixture.ts';

export interface LoggedRecord {
  readonly lsn: number;
  readonly bytes: string;
  /** Where it begins. */
  readonly page: string;
}

interface Batch {
  readonly pages: Map<number, Uint8Array>;
  readonly count: number;
}

/** A page by its number and epoch: it is written once. */
export function pageName(pageSeq: number, epoch: number): string {
  return `${pageSeq}/${epoch}`;
}

/** Every record that the history put into the ring, of journals that are not encrypted. */
export function loggedRecords(history: History, superblock: Superblock): LoggedRecord[] {
  const codec = pageCodecOf(superblock, crc32c);
  const batches = new Map<string, Batch>();
  for (const bytes of pagePayloadsOf(history, superblock)) {
    const { epoch, batchNo, batchIndex, batchPages } = readPageHeader(viewOf(bytes), 0);
    const key = `${epoch}/${batchNo}`;
    const batch = batches.get(key) ?? { pages: new Map<number, Uint8Array>(), count: batchPages };
    batches.set(key, batch);
    const page = bytes.slice();
    codec.unstamp(pageRunOf(page), 0);
    batch.pages.set(batchIndex, page);
  }
  return [...batches.values()].flatMap((batch) => recordsIn(batch, codec.bodyOffset));
}

function recordsIn({ pages, count }: Batch, bodyOffset: number): LoggedRecord[] {
  const bodies: Uint8Array[] = [];
  const pageAtByte: { readonly from: number; readonly name: string }[] = [];
  let from = 0;
  for (let index = 0; index < count; index++) {
    const page = pages.get(index)!;
    const { used, pageSeq, epoch } = readPageHeader(viewOf(page), 0);
    bodies.push(page.subarray(bodyOffset, bodyOffset + used));
    pageAtByte.push({ from, name: pageName(pageSeq, epoch) });
    from += used;
  }
  const stream = Buffer.concat(bodies);
  const view = viewOf(stream);
  const records: LoggedRecord[] = [];
  for (let at = 0; at < stream.length;) {
    const { lsn, payloadBytes } = readRecordHeader(view, at);
    const end = at + recordHeaderBytes + payloadBytes;
    const bytes = stream.subarray(at, end).toString('latin1');
    const begins = at;
    records.push({ lsn, bytes, page: pageAtByte.findLast((page) => page.from <= begins)!.name });
    at = end;
  }
  return records;
}
