import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import {
  emptyPageHeader,
  pageFlags,
  pageRunOf,
  PageCodec,
  readPageHeader,
  type PageHeader,
} from './page.ts';
import { epochOfStamp, stampOf } from './stamp.ts';
import { mix32, unmix32 } from './mix.ts';

const pageBytes = 4096;
const identity = { uuid: new Uint8Array(16).fill(7), salt: 0x1234 };
const header: PageHeader = {
  flags: pageFlags.first | pageFlags.last,
  pageSeq: 2 ** 40 + 5,
  epoch: 3,
  used: 3900,
  firstRecord: 12,
  firstLsn: 2 ** 41,
  durableLsn: 2 ** 41 - 1,
  tailDistance: 9,
  batchNo: 0xfffffffe,
  batchIndex: 0,
  batchPages: 1,
  prevBatchDigest: 0xdeadbeef,
};

test.each([
  { pageBytes: 4096, atomicUnitBytes: 512 },
  { pageBytes: 4096, atomicUnitBytes: 1024 },
  { pageBytes: 4096, atomicUnitBytes: 4096 },
  { pageBytes: 16384, atomicUnitBytes: 512 },
  { pageBytes: 16384, atomicUnitBytes: 4096 },
  { pageBytes: 16384, atomicUnitBytes: 16384 },
])(
  'a page of $pageBytes bytes comes back as it was sealed with an atomic unit of $atomicUnitBytes (@req C2)',
  ({ pageBytes, atomicUnitBytes }) => {
    const codec = new PageCodec(identity, { pageBytes, atomicUnitBytes }, crc32c);
    const pages = pageRunOf(new Uint8Array(2 * pageBytes));
    const body = new Uint8Array(codec.bodyBytes);
    createRandom(1).fill(body);
    pages.bytes.set(body, pageBytes + codec.bodyOffset);
    codec.seal(pages, pageBytes, header);
    expect(codec.isWhole(pages, pageBytes)).toBe(true);
    const stamped = atomicUnitBytes < pageBytes ? pageFlags.stamped : 0;
    expect(readPageHeader(pages.view, pageBytes)).toEqual({
      ...header,
      flags: header.flags | stamped,
    });
    codec.unstamp(pages, pageBytes);
    expect(pages.bytes.subarray(pageBytes + codec.bodyOffset)).toEqual(body);
  },
);

test('the body has 4032 bytes, and 4000 on logical blocks of 512 bytes (JOURNAL-ENGINE §4.4)', () => {
  expect(new PageCodec(identity, { pageBytes, atomicUnitBytes: 4096 }, crc32c).bodyBytes).toBe(
    4032,
  );
  expect(new PageCodec(identity, { pageBytes, atomicUnitBytes: 512 }, crc32c).bodyBytes).toBe(4000);
  expect(
    new PageCodec(identity, { pageBytes: 16384, atomicUnitBytes: 16384 }, crc32c).bodyBytes,
  ).toBe(16320);
});

test('every flipped bit of a page fails its CRC (@req C3)', () => {
  const codec = new PageCodec(identity, { pageBytes, atomicUnitBytes: 512 }, crc32c);
  const pages = pageRunOf(new Uint8Array(pageBytes).fill(0x5a));
  codec.seal(pages, 0, header);
  for (let bit = 0; bit < pageBytes * 8; bit += 5) {
    pages.bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(codec.isWhole(pages, 0), `bit ${bit}`).toBe(false);
    pages.bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('a page of a journal with another uuid or salt is not whole (I16)', () => {
  const pages = pageRunOf(new Uint8Array(pageBytes));
  new PageCodec(identity, { pageBytes, atomicUnitBytes: 4096 }, crc32c).seal(
    pages,
    0,
    emptyPageHeader(3),
  );
  for (const other of [
    { ...identity, salt: 0x1235 },
    { ...identity, uuid: new Uint8Array(16).fill(8) },
  ]) {
    expect(
      new PageCodec(other, { pageBytes, atomicUnitBytes: 4096 }, crc32c).isWhole(pages, 0),
    ).toBe(false);
  }
});

test('a stamp tells the epoch it was made in, and no older lap has the same', () => {
  const random = createRandom(2);
  for (let draw = 0; draw < 1000; draw++) {
    const word = random.uint32();
    expect(unmix32(mix32(word))).toBe(word);
    const pageSeq = random.below(1000) + 64;
    const epoch = random.below(200);
    const stamp = stampOf(pageSeq, epoch, 99);
    expect(epochOfStamp(stamp, pageSeq, 99)).toBe(epoch);
    const epochs = Array.from({ length: 200 }, (_, older) => older);
    expect(epochs.some((older) => stampOf(pageSeq - 64, older, 99) === stamp)).toBe(false);
  }
});
