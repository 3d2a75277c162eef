import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import { headerBytes, logFlags, logMagic, logVersion } from './log-format.ts';

/** An entry to be written; every member but those that are given is empty. */
export interface EntryDraft {
  readonly flags?: number;
  readonly lba?: number;
  readonly blockCount?: number;
  readonly data?: Uint8Array;
  readonly text?: string;
}

export interface LogDraft {
  readonly blockBytes: number;
  readonly entries: readonly EntryDraft[];
  /** That of the entries unless given. */
  readonly entryCount?: number;
}

export const draftMark = (text: string): EntryDraft => ({ flags: logFlags.mark, text });
export const draftFlush: EntryDraft = { flags: logFlags.flush };

export function draftWrite(lba: number, data: Uint8Array, flags = 0): EntryDraft {
  return { lba, data, flags };
}

export function encodeLog({ blockBytes, entries, entryCount }: LogDraft): Buffer {
  const head = Buffer.alloc(blockBytes);
  logMagic.copy(head);
  head.writeUInt32LE(logVersion, 8);
  head.writeUInt32LE(entryCount ?? entries.length, 16);
  head.writeUInt32LE(blockBytes, 24);
  return Buffer.concat([head, ...entries.flatMap((entry) => encodeEntry(entry, blockBytes))]);
}

export function writeLogFile(file: string, draft: LogDraft): string {
  fs.writeFileSync(file, encodeLog(draft));
  return file;
}

function encodeEntry(
  { flags = 0, lba = 0, data, text = '', blockCount }: EntryDraft,
  blockBytes: number,
): Buffer[] {
  const header = Buffer.alloc(blockBytes);
  const values = [lba, blockCount ?? (data?.length ?? 0) / blockBytes, flags, text.length];
  for (const [place, value] of values.entries()) {
    header.writeUInt32LE(value % 2 ** 32, 8 * place);
    header.writeUInt32LE(Math.floor(value / 2 ** 32), 8 * place + 4);
  }
  header.write(text, headerBytes, 'utf8');
  return data === undefined ? [header] : [header, Buffer.from(data)];
}
