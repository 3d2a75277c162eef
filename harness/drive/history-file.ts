/**
 * The file form of a history. Integers are little-endian; `varint` is LEB128, unsigned, up to
 * 2^53 - 1; `text` and `json` are a varint of the byte count and UTF-8.
 *
 *     file     = "PCUTHIST" u32(version = 1) chunk*
 *     chunk    = u8(type) u32(byteCount) byteCount bytes u32(CRC-32 of type, byteCount and bytes)
 *
 *     type 1, device: varint(device) text(name) json(geometry) u32(foreignSeed)
 *                     varint(count) (varint(unitIndex) content)*     written units of the base
 *     type 2, events: varint(count) event*                           continues the chunk before
 *     type 3, end:    varint(events in the file)                     once, at the end
 *
 *     content  = varint(number) [bytes of an atomic unit]
 *                Contents are numbered from 0 per device; a number not seen before is the next one
 *                and its bytes follow.
 *     event    = u8(kind) varint(ns since the event before, of the file) fields
 *       0 mark             varint(position)
 *       1 fault            varint(device) json(firing)
 *       2 rot              varint(device) json(firing) varint(unitIndex) content
 *       3 submit read      varint(device) varint(lba) varint(blockCount)
 *       4 submit flush     varint(device)
 *       5 submit discard   varint(device) varint(lba) varint(firstUnit) varint(unitCount)
 *       6 submit write     varint(device) varint(lba) u8(fua) varint(landsAtUnit) subset(in flight)
 *                          varint(unitCount) content*
 *       7 complete read    varint(submitted) u8(answer) varint(byteCount)
 *       8 complete flush   varint(submitted) u8(answer) u8(effect)
 *       9 complete discard varint(submitted)
 *      10 complete write   varint(submitted) u8(answer) varint(byteCount) u8(effect) u8(durable)
 *                          subset(landed)
 *      11 cut              varint(device) json(firing)               this drive alone lost power
 *     subset   = varint(0) for all units, or varint(1 + count) varint(place)*
 *     answer   = 0 ok, 1 EIO, 2 ENOSPC, 3 EINVAL, 4 EOPNOTSUPP
 *     effect   = place in `whole partial none elsewhere persisted ignored dropped`, from 0
 *
 * Sequence numbers are not stored: the n-th event has the number n. The end chunk makes every
 * truncation show, the checksums every other damage.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { HarnessError } from '../contract/index.ts';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import type { History } from './history.ts';
import { HistoryDecoder } from './history-decoder.ts';
import { HistoryEncoder } from './history-encoder.ts';

const chunkTypes = { device: 1, events: 2, end: 3 };
const magic = Buffer.from('PCUTHIST', 'latin1');
const formatVersion = 1;
const chunkHeadBytes = 5;
const chunkCrcBytes = 4;

/** The history in its file form; the same history gives the same bytes. */
export function encodeHistory(history: History): Uint8Array {
  return Buffer.concat([...historyPieces(history)]);
}

/** The same in pieces of about a mebibyte, for who has something else to do in between. */
export function* historyPieces(history: History): Generator<Uint8Array> {
  const encoder = new HistoryEncoder(history);
  const head = new ByteWriter();
  head.bytes(magic);
  head.u32(formatVersion);
  yield head.take();
  for (const body of encoder.devices()) yield* chunkOf(chunkTypes.device, body);
  for (const body of encoder.events()) yield* chunkOf(chunkTypes.events, body);
  yield* chunkOf(chunkTypes.end, encoder.end());
}

/** Throws HarnessError EVIDENCE_DAMAGED for anything but a whole, undamaged file. */
export function decodeHistory(file: Uint8Array): History {
  const reader = new ByteReader(file);
  if (reader.left < magic.length || !reader.bytes(magic.length).equals(magic)) {
    throw new HarnessError('EVIDENCE_DAMAGED', 'not a history file: the magic is missing');
  }
  const found = reader.u32();
  if (found !== formatVersion) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `history file of version ${found}; this version reads ${formatVersion}`,
    );
  }
  const decoder = new HistoryDecoder();
  try {
    readChunks(reader, decoder);
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    throw new HarnessError('EVIDENCE_DAMAGED', 'the history file contradicts itself', {
      cause: error,
    });
  }
  return decoder.history;
}

function readChunks(reader: ByteReader, decoder: HistoryDecoder): void {
  for (;;) {
    const { type, body } = readChunk(reader);
    if (type === chunkTypes.device) decoder.device(body);
    else if (type === chunkTypes.events) decoder.events(body);
    else if (type !== chunkTypes.end) {
      throw new HarnessError('EVIDENCE_DAMAGED', `history chunk of unknown type ${type}`);
    } else {
      finish(reader, decoder, body.varint());
      return;
    }
  }
}

function finish(reader: ByteReader, { history }: HistoryDecoder, eventCount: number): void {
  if (history.end !== eventCount) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `the history holds ${history.end} events, its end says ${eventCount}`,
    );
  }
  if (reader.left > 0) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `${reader.left} bytes follow the end of the history`,
    );
  }
}

function chunkOf(type: number, body: Uint8Array): Uint8Array[] {
  const writer = new ByteWriter();
  writer.u8(type);
  writer.u32(body.length);
  const head = writer.take();
  writer.u32(crc32(body, crc32(head)));
  return [head, body, writer.take()];
}

function readChunk(reader: ByteReader): { type: number; body: ByteReader } {
  const head = reader.bytes(chunkHeadBytes);
  const type = head.readUInt8(0);
  const body = reader.bytes(head.readUInt32LE(1));
  const expected = reader.bytes(chunkCrcBytes).readUInt32LE(0);
  if (crc32(body, crc32(head)) !== expected) {
    throw new HarnessError('EVIDENCE_DAMAGED', `history chunk of type ${type}: wrong checksum`);
  }
  return { type, body: new ByteReader(body) };
}
