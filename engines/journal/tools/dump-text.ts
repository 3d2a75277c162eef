import { noRecordBegins, type PageHeader } from '../format/page.ts';
import type { PageView } from './page-view.ts';
import { flagNames } from './page-words.ts';
import { hexWord, type PayloadFields } from './record-decoders.ts';

export function envelopeData(header: PageHeader): Readonly<Record<string, unknown>> {
  const { flags, firstRecord, prevBatchDigest, ...rest } = header;
  return {
    ...rest,
    flags: flagNames(flags),
    firstRecord: firstRecord === noRecordBegins ? null : firstRecord,
    prevBatchDigest: hexWord(prevBatchDigest),
  };
}

/** One line, its columns of a fixed width since the next page is not known yet. */
export function formatPage({ page, slot, state, envelope }: PageView, words: string): string {
  const head = `page ${String(page).padEnd(8)} slot ${String(slot).padEnd(7)} ${state.padEnd(10)}`;
  if (state !== 'current') return `${head} ${words}`;
  const { epoch, batchNo, batchIndex, batchPages, used, firstLsn, durableLsn } = envelope!;
  const flags = flagNames(envelope!.flags).filter((name) => !impliedFlags.has(name));
  const marks = flags.length === 0 ? '' : `  ${flags.join(' ')}`;
  return `${head} epoch ${epoch}  batch ${batchNo} ${batchIndex + 1}/${batchPages}  LSN ${firstLsn}  durable ${durableLsn}  used ${used}${marks}`;
}

/** The place in the batch says the first two, and a page of a stamped journal is stamped. */
const impliedFlags = new Set(['first', 'last', 'stamped']);

export function formatRecord(record: {
  readonly lsn: number;
  readonly type: string;
  readonly name: string;
  readonly tenant: number;
  readonly vshard: number;
  readonly payloadBytes: number;
  readonly isWhole: boolean;
  readonly payload: PayloadFields;
}): string {
  const { lsn, type, name, tenant, vshard, payloadBytes, isWhole, payload } = record;
  const fields = Object.entries(payload).map(([field, value]) => `${field}=${value}`);
  const damage = isWhole ? '' : '  DAMAGED: its CRC does not fit';
  return `    LSN ${String(lsn).padEnd(8)} ${type} ${name.padEnd(11)} tenant ${tenant} vshard ${vshard} ${payloadBytes} bytes  ${fields.join(' ')}${damage}`;
}

const bytesPerLine = 16;

/** As `hexdump -C` shows it, lines that repeat left out. */
export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let previous = '';
  for (let at = 0; at < bytes.length; at += bytesPerLine) {
    const row = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytesPerLine);
    const hex = row.toString('hex');
    if (hex === previous) {
      if (lines.at(-1) !== repeated) lines.push(repeated);
      continue;
    }
    previous = hex;
    const spaced = hex.replace(/(..)(?=.)/g, '$1 ');
    const text = row.toString('latin1').replace(/[^ -~]/g, '.');
    lines.push(`    ${at.toString(16).padStart(4, '0')}  ${spaced}  |${text}|`);
  }
  return lines;
}

const repeated = '    *';
