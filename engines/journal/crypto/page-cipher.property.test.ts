import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chooseAesGcm, type AesGcmChoice } from './choose-aes-gcm.ts';
import { createNodeAesGcm } from './node-aes-gcm.ts';
import { createPageCipher } from './page-cipher.ts';

const node: AesGcmChoice = { name: 'node', create: createNodeAesGcm };

const cases = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  area: fc.constantFrom(1 as const, 2 as const),
  shape: fc
    .tuple(fc.constantFrom(4096, 16384), fc.constantFrom(64, 96, 192))
    .map(([pageBytes, bodyOffset]) => ({ pageBytes, bodyOffset })),
  pageSeq: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  contents: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  before: fc.nat(100),
  behind: fc.nat(100),
});

/** @req C7 */
it('both implementations turn any page into the same bytes, and back', () => {
  fc.assert(
    fc.property(cases, ({ key, area, shape, pageSeq, contents, before, behind }) => {
      const { pageBytes } = shape;
      const bytes = Buffer.alloc(before + pageBytes + behind, contents);
      bytes.writeBigUInt64LE(pageSeq, before + 8);
      const [plain, other] = [Buffer.from(bytes), Buffer.from(bytes)];
      using slow = createPageCipher({ key, area, shape }, node);
      using quick = createPageCipher({ key, area, shape }, chooseAesGcm());
      slow.sealBody(bytes, before);
      quick.sealBody(other, before);
      expect(Buffer.compare(bytes, other)).toBe(0);
      expect(quick.openBody(bytes, before)).toBe(true);
      expect(slow.openBody(other, before)).toBe(true);
      expect(Buffer.compare(bytes, other)).toBe(0);
      const tag = bytes.subarray(before + pageBytes - 16, before + pageBytes);
      tag.copy(plain, before + pageBytes - 16);
      expect(Buffer.compare(bytes, plain)).toBe(0);
    }),
    { seed: 7, numRuns: 60 },
  );
});
