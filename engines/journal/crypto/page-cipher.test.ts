import { createCipheriv, createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import { chooseAesGcm, type AesGcmChoice } from './choose-aes-gcm.ts';
import { fixedKey } from './fixed-key.fixture.ts';
import { createNodeAesGcm } from './node-aes-gcm.ts';
import { NonceLedger } from './nonce-ledger.fixture.ts';
import {
  createPageCipher,
  nonceAreas,
  type PageCipher,
  type PageCipherOptions,
} from './page-cipher.ts';

const native = chooseAesGcm();
const node: AesGcmChoice = { name: 'node', create: createNodeAesGcm };
const small = { pageBytes: 4096, bodyOffset: 64 };
const large = { pageBytes: 16384, bodyOffset: 192 };
const plainOptions: PageCipherOptions = {
  key: fixedKey(0),
  area: nonceAreas.journal,
  shape: small,
};

/** Nothing but its number means anything to the cipher. */
function pageOf(pageBytes: number, pageSeq: number): Uint8Array {
  const page = Buffer.from(Uint8Array.from({ length: pageBytes }, (_, index) => 7 * index + 3));
  page.writeBigUInt64LE(BigInt(pageSeq), 8);
  return new Uint8Array(page);
}

function sealedPage(cipher: PageCipher, pageSeq: number, pageBytes = 4096): Uint8Array {
  const page = pageOf(pageBytes, pageSeq);
  cipher.sealBody(page, 0);
  return page;
}

/** @req C7 */
describe.each([node, native])('the page cipher by $name', (aesGcm) => {
  // From another implementation of AES-GCM (Python's cryptography 48), over the same pages.
  it.each([
    ['journal', small, '5471d4a65014781f869acac8931e7e9744344a17fd3f5160c91e89908b1478f5'],
    ['doubleWrite', small, 'a7dddf02c06c0f8e569379a5066c1aa9ed86903166c7c5246f529e3e1f03f134'],
    ['journal', large, 'e52d21301bf862e208e0dc698fb554bd163d955f79a4a178d84d34a7c24941b6'],
  ] as const)('seals a page of the %s area with shape %o as others do', (area, shape, digest) => {
    using cipher = createPageCipher({ ...plainOptions, area: nonceAreas[area], shape }, aesGcm);
    const page = sealedPage(cipher, 0x1122334455, shape.pageBytes);
    expect(createHash('sha256').update(page).digest('hex')).toBe(digest);
  });

  it('takes as nonce the area and the number of the page, little-endian, and nothing else', () => {
    const area = nonceAreas.doubleWrite;
    using cipher = createPageCipher({ ...plainOptions, area }, aesGcm);
    const plain = pageOf(4096, 0x0001_0203_0405_0607);
    const page = plain.slice();
    cipher.sealBody(page, 0);
    const nonce = Buffer.from('020000000706050403020100', 'hex');
    const expected = createCipheriv('aes-256-gcm', plainOptions.key, nonce);
    expected.setAAD(plain.subarray(0, 60));
    const body = Buffer.concat([expected.update(plain.subarray(64, 4080)), expected.final()]);
    expect(Buffer.compare(page.subarray(64, 4080), body)).toBe(0);
    expect(Buffer.compare(page.subarray(4080), expected.getAuthTag())).toBe(0);
  });

  it('leaves the envelope readable, and opens to what it sealed, amid other pages', () => {
    using cipher = createPageCipher(plainOptions, aesGcm);
    const plain = pageOf(4096, 5);
    const run = new Uint8Array(3 * 4096);
    run.set(plain, 4096);
    cipher.sealBody(run, 4096);
    expect(run.subarray(4096, 4096 + 64)).toEqual(plain.subarray(0, 64));
    expect(run.subarray(4096 + 64, 8192)).not.toEqual(plain.subarray(64));
    expect(cipher.openBody(run, 4096)).toBe(true);
    expect(run.subarray(4096, 8192 - 16)).toEqual(plain.subarray(0, 4080));
    const around = [run.subarray(0, 4096), run.subarray(8192)];
    expect(around.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  it('refuses every single changed bit of envelope, body and tag, and leaves the page as it was', () => {
    using cipher = createPageCipher(plainOptions, aesGcm);
    const page = sealedPage(cipher, 5);
    const changed = page.slice();
    const accepted: number[] = [];
    const disturbed: number[] = [];
    for (let bit = 0; bit < 8 * page.length; bit++) {
      const byte = bit >>> 3;
      changed[byte]! ^= 1 << (bit & 7);
      if (cipher.openBody(changed, 0)) {
        accepted.push(byte);
        changed.set(page);
        continue;
      }
      changed[byte]! ^= 1 << (bit & 7);
      if (Buffer.compare(changed, page) !== 0) disturbed.push(bit);
    }
    // The CRC is computed over what was sealed, so it cannot be sealed itself.
    expect([...new Set(accepted)]).toEqual([60, 61, 62, 63]);
    expect(accepted).toHaveLength(32);
    expect(disturbed).toEqual([]);
    expect(cipher.openBody(changed, 0)).toBe(true);
  });

  it('refuses a page under another key, of another area, or with the number of another page', () => {
    using cipher = createPageCipher(plainOptions, aesGcm);
    const page = sealedPage(cipher, 5);
    using otherKey = createPageCipher({ ...plainOptions, key: fixedKey(1) }, aesGcm);
    using otherArea = createPageCipher({ ...plainOptions, area: 2 }, aesGcm);
    expect(otherKey.openBody(page, 0)).toBe(false);
    expect(otherArea.openBody(page, 0)).toBe(false);
    const moved = page.slice();
    moved[8] = 6;
    expect(cipher.openBody(moved, 0)).toBe(false);
    expect(cipher.openBody(page, 0)).toBe(true);
  });

  it('opens what the other implementation sealed', () => {
    using sealing = createPageCipher(plainOptions, aesGcm);
    using opening = createPageCipher(plainOptions, aesGcm === native ? node : native);
    const page = sealedPage(sealing, 77);
    expect(opening.openBody(page, 0)).toBe(true);
    expect(page.subarray(0, 4080)).toEqual(pageOf(4096, 77).subarray(0, 4080));
  });
});

describe('the use of a key', () => {
  it('never comes back to a page that was sealed, and leaves that page alone', () => {
    using cipher = createPageCipher(plainOptions);
    sealedPage(cipher, 5);
    sealedPage(cipher, 9);
    for (const pageSeq of [9, 8, 5]) {
      const page = pageOf(4096, pageSeq);
      expect(() => {
        cipher.sealBody(page, 0);
      }).toThrow('a nonce would be used again');
      expect(page).toEqual(pageOf(4096, pageSeq));
    }
    expect(cipher.openBody(sealedPage(cipher, 10), 0)).toBe(true);
  });

  it('ends after so many pages, with a refusal that says what to do', () => {
    using cipher = createPageCipher({ ...plainOptions, pagesMax: 2 });
    expect(cipher.pagesLeft).toBe(2);
    const page = sealedPage(cipher, 5);
    sealedPage(cipher, 6);
    expect(cipher.pagesLeft).toBe(0);
    const last = (): unknown => sealedPage(cipher, 7);
    expect(last).toThrow(EngineRefusal);
    expect(last).toThrow('close the journal and open it');
    expect(cipher.openBody(page, 0)).toBe(true);
  });
});

describe('the nonce ledger', () => {
  it('convicts a page number sealed twice under one key, over all ciphers', () => {
    const ledger = new NonceLedger();
    const create = ledger.watch(createPageCipher);
    using first = create(plainOptions);
    using second = create(plainOptions);
    sealedPage(first, 5);
    expect(() => sealedPage(second, 5)).toThrow('was used before');
    expect(ledger.repeats).toHaveLength(1);
  });

  it('acquits another number, another area and another key', () => {
    const ledger = new NonceLedger();
    const create = ledger.watch(createPageCipher);
    using first = create(plainOptions);
    using otherArea = create({ ...plainOptions, area: nonceAreas.doubleWrite });
    using otherKey = create({ ...plainOptions, key: fixedKey(1) });
    const page = sealedPage(first, 5);
    for (const cipher of [otherArea, otherKey]) sealedPage(cipher, 5);
    sealedPage(first, 6);
    expect(first.openBody(page, 0)).toBe(true);
    expect(ledger).toMatchObject({ repeats: [], keys: 2, sealedPages: 4 });
  });
});
