import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { pageRunOf, PageCodec, type PageHeader } from '../format/page.ts';
import { damageOf, type Damage } from './tear.ts';

const pageBytes = 4096;
const codec = new PageCodec(
  { uuid: new Uint8Array(16).fill(1), salt: 5 },
  { pageBytes, atomicUnitBytes: 512 },
  crc32c,
);
const owner = { epochFrom: 7, epoch: 7, firstPageSeq: 100, firstLsn: 1, salt: new Uint8Array(32) };
const expected = { pageSeq: 128, owner, newestEpoch: 7, ringPages: 64 };

function sealed(pageSeq: number, epoch: number): Uint8Array {
  const pages = pageRunOf(new Uint8Array(pageBytes).fill(epoch));
  const header: PageHeader = {
    flags: 0,
    pageSeq,
    epoch,
    used: 4000,
    firstRecord: 0,
    firstLsn: 1,
    durableLsn: 0,
    tailDistance: 0,
    batchNo: 1,
    batchIndex: 0,
    batchPages: 1,
    prevBatchDigest: 0,
  };
  codec.seal(pages, 0, header);
  return pages.bytes;
}

/** Sector `n` is of the new page where bit `n` of the mask is set. */
function mixture(old: Uint8Array, fresh: Uint8Array, mask: number): Uint8Array {
  const page = old.slice();
  for (let sector = 0; sector < 8; sector++) {
    if ((mask & (1 << sector)) === 0) continue;
    page.set(fresh.subarray(sector * 512, (sector + 1) * 512), sector * 512);
  }
  return page;
}

function damage(page: Uint8Array): Damage {
  return damageOf(pageRunOf(page), 0, codec, expected);
}

test.each([
  ['the lap before', sealed(64, 3)],
  ['a dead page of an earlier epoch', sealed(128, 6)],
  ['EMPTY as formatted', sealed(64, 0)],
])('each of the 254 tears over %s is torn, never rot (R4, I11)', (_, old) => {
  const fresh = sealed(128, 7);
  for (let mask = 1; mask < 255; mask++) expect(damage(mixture(old, fresh, mask))).toBe('torn');
  expect(damage(old)).toBe('untouched');
});

test('a tear over what was torn before is torn', () => {
  const tornBefore = mixture(sealed(64, 3), sealed(128, 5), 0b0110_0110);
  const fresh = sealed(128, 7);
  for (let mask = 1; mask < 255; mask++) {
    expect(damage(mixture(tornBefore, fresh, mask))).toBe('torn');
  }
});

test('a flipped bit anywhere in a written page is rot, also in a stamp (R3, I10)', () => {
  const page = sealed(128, 7);
  for (let bit = 0; bit < pageBytes * 8; bit += 3) {
    page[bit >> 3]! ^= 1 << (bit & 7);
    expect(damage(page), `bit ${bit}`).toBe('rotten');
    page[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('without stamps any damage is rot', () => {
  const plain = new PageCodec(
    { uuid: new Uint8Array(16), salt: 5 },
    { pageBytes, atomicUnitBytes: 4096 },
    crc32c,
  );
  const page = mixture(sealed(64, 3), sealed(128, 7), 1);
  expect(damageOf(pageRunOf(page), 0, plain, expected)).toBe('rotten');
});
