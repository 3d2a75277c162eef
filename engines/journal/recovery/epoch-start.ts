import { pageAt, pageFlags, type PageCodec, type PageRun } from '../format/page.ts';
import { epochStartBytes, readEpochStart, type EpochStart } from '../format/payloads.ts';
import { recordTypes } from '../format/record-types.ts';
import { readRecordHeader, recordHeaderBytes } from '../format/record.ts';

/**
 * The EpochStart record at the beginning of a whole page, if there is one. It lies within the page's
 * first sector, so stamps do not touch it, and its page is never encrypted.
 */
export function epochStartOf(
  { bytes, view }: PageRun,
  at: number,
  codec: PageCodec,
): EpochStart | undefined {
  if ((view.getUint16(at + pageAt.flags, true) & pageFlags.encrypted) !== 0) return undefined;
  // Else what stands there is the rest of a record, and may be anything a caller has written (I17).
  const isRecordThere =
    view.getUint16(at + pageAt.batchIndex, true) === 0 &&
    view.getUint16(at + pageAt.firstRecord, true) === 0;
  if (!isRecordThere) return undefined;
  const bodyAt = at + codec.bodyOffset;
  const header = readRecordHeader(view, bodyAt);
  if (header.type !== recordTypes.epochStart || header.payloadBytes !== epochStartBytes) {
    return undefined;
  }
  return readEpochStart(bytes, bodyAt + recordHeaderBytes);
}
