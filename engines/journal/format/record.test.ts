import { Buffer } from 'node:buffer';
import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { crc32cOfFew } from './crc32c.ts';
import {
  beginRecordHeader,
  completeRecordHeader,
  isRecordWhole,
  readRecordHeader,
  recordHeaderBytes,
} from './record.ts';
import { isCallersType } from './record-types.ts';
import { viewOf } from './u64.ts';

const put = { type: 0x8001, lsn: 42, tenant: 7, vshard: 3, payloadBytes: 12 };

function goldenRecord(): Uint8Array {
  const payload = Buffer.from('hello nodedb');
  const record = new Uint8Array(recordHeaderBytes + payload.length);
  record.set(payload, recordHeaderBytes);
  const header = { bytes: record.subarray(0, recordHeaderBytes), view: viewOf(record) };
  completeRecordHeader(header, crc32c(payload, beginRecordHeader(header, put)));
  return record;
}

test('the record header is byte for byte the 30 bytes of the golden vector (@req C1)', () => {
  expect(crc32c('123456789')).toBe(0xe3069283);
  expect(Buffer.from(goldenRecord().subarray(0, 30)).toString('hex')).toBe(
    '574e5953010001802a000000000000000700000003000c000000c29f9edb',
  );
});

test('the CRC of a few bytes is that of the native code, from any CRC before them', () => {
  const random = createRandom(3);
  for (let count = 0; count < 70; count++) {
    const bytes = new Uint8Array(70);
    random.fill(bytes);
    const before = random.below(2 ** 32);
    const start = random.below(70 - count + 1);
    const end = start + count;
    expect(crc32cOfFew(bytes, start, end, before)).toBe(crc32c(bytes.subarray(start, end), before));
  }
});

test('the CRC of a record notices every flipped bit of header and payload (@req C3)', () => {
  const record = goldenRecord();
  const isWhole = (): boolean => isRecordWhole(record, viewOf(record), 0, record.length, crc32c);
  expect(isWhole()).toBe(true);
  expect(readRecordHeader(viewOf(record), 0)).toEqual(put);
  for (let bit = 0; bit < record.length * 8; bit++) {
    record[bit >> 3]! ^= 1 << (bit & 7);
    expect(isWhole(), `bit ${bit}`).toBe(false);
    record[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('the numbers 0x100 to 0x1ff are the engine´s own, with and without bit 15', () => {
  expect([0x0001, 0x8001, 0x80ff, 0x0200, 0xbfff].every(isCallersType)).toBe(true);
  expect([0x0100, 0x8100, 0x81ff, 0x010a].some(isCallersType)).toBe(false);
});
