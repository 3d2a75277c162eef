import { Buffer } from 'node:buffer';
import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { noRecordBegins, PageCodec, pageRunOf, type PageHeader } from '../format/page.ts';
import { beginRecordHeader, isRecordWhole, recordHeaderBuffer } from '../format/record.ts';
import { viewOf } from '../format/u64.ts';
import { BodyWriter } from './body-writer.ts';

const identity = { uuid: new Uint8Array(16).fill(7), salt: 0x1234 };
const pageHeader: PageHeader = {
  flags: 0,
  pageSeq: 5,
  epoch: 3,
  used: 0,
  firstRecord: noRecordBegins,
  firstLsn: 9,
  durableLsn: 8,
  tailDistance: 1,
  batchNo: 2,
  batchIndex: 0,
  batchPages: 1,
  prevBatchDigest: 0xdeadbeef,
};

const shapes = [
  { pageBytes: 4096, atomicUnitBytes: 4096 },
  { pageBytes: 4096, atomicUnitBytes: 512 },
  { pageBytes: 16_384, atomicUnitBytes: 16_384 },
];
const pageCount = 12;

/**
 * Goal: checksums that come of one reading of the data are those of the bytes in the pages. Method: batch
 * after batch of records of all sizes in the same buffer, each page then summed by itself.
 */
test.each(shapes)(
  'every record and every page has the CRC of its bytes: pages of $pageBytes, atomic unit of $atomicUnitBytes (@req C1, C3)',
  (shape) => {
    const random = createRandom(shape.atomicUnitBytes + shape.pageBytes);
    const codec = new PageCodec(identity, shape, crc32c);
    const pages = pageRunOf(new Uint8Array(pageCount * shape.pageBytes).fill(0xa5));
    const writer = new BodyWriter(pages, codec, crc32c);
    for (let batch = 0; batch < 60; batch++) {
      writer.restart();
      const records = recordsFor(pageCount * codec.bodyBytes);
      for (const { head, data, lsn } of records) putRecord(writer, head, data, lsn);
      const usedPages = writer.finish();
      expectRecords(streamOf(pages.bytes.subarray(0, usedPages * shape.pageBytes), codec), records);
      for (let index = 0; index < usedPages; index++) {
        const at = index * shape.pageBytes;
        if (codec.sumsBodies) codec.sealSummed(pages, at, pageHeader, writer.bodyCrc[index]!);
        else codec.seal(pages, at, pageHeader);
        expect(codec.isWhole(pages, at), `page ${index} of batch ${batch}`).toBe(true);
      }
    }

    function recordsFor(roomBytes: number): Put[] {
      const puts: Put[] = [];
      let leftBytes = random.below(roomBytes);
      for (let lsn = 1; leftBytes >= 60; lsn++) {
        const head = new Uint8Array(random.below(30));
        const room = leftBytes - 30 - head.length;
        // Blocks, small records, and now and then one that ends exactly with its page.
        const wanted = [4096, random.below(200), codec.bodyBytes - 30, random.below(room + 1), 0];
        const data = new Uint8Array(Math.min(room, wanted[random.below(wanted.length)]!));
        random.fill(head);
        random.fill(data);
        puts.push({ head, data, lsn });
        leftBytes -= 30 + head.length + data.length;
      }
      return puts;
    }
  },
);

test('the page of no records, and the rest behind the last, are zeros with their CRC', () => {
  const shape = { pageBytes: 4096, atomicUnitBytes: 4096 };
  const codec = new PageCodec(identity, shape, crc32c);
  const pages = pageRunOf(new Uint8Array(4096).fill(0xa5));
  const writer = new BodyWriter(pages, codec, crc32c);
  expect(writer.finish()).toBe(1);
  codec.sealSummed(pages, 0, pageHeader, writer.bodyCrc[0]!);
  expect(codec.isWhole(pages, 0)).toBe(true);
  expect(pages.bytes.subarray(64).every((byte) => byte === 0)).toBe(true);
});

interface Put {
  readonly head: Uint8Array;
  readonly data: Uint8Array;
  readonly lsn: number;
}

function putRecord(writer: BodyWriter, head: Uint8Array, data: Uint8Array, lsn: number): void {
  const header = recordHeaderBuffer();
  const payloadBytes = head.length + data.length;
  const crc = beginRecordHeader(header, { type: 0x8001, lsn, tenant: 1, vshard: 2, payloadBytes });
  writer.putRecord(header, crc, head, data, lsn);
}

function streamOf(bytes: Uint8Array, { pageBytes, bodyOffset, bodyBytes }: PageCodec): Uint8Array {
  const bodies = Array.from({ length: bytes.length / pageBytes }, (_, index) => {
    const at = index * pageBytes + bodyOffset;
    return bytes.slice(at, at + bodyBytes);
  });
  return new Uint8Array(Buffer.concat(bodies));
}

function expectRecords(stream: Uint8Array, records: readonly Put[]): void {
  const view = viewOf(stream);
  let at = 0;
  for (const { head, data, lsn } of records) {
    const end = at + 30 + head.length + data.length;
    expect(isRecordWhole(stream, view, at, end, crc32c), `record ${lsn}`).toBe(true);
    expect(Buffer.compare(stream.subarray(end - data.length, end), data)).toBe(0);
    at = end;
  }
  expect(stream.subarray(at).every((byte) => byte === 0)).toBe(true);
}
