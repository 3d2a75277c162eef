import { describe, expect, it } from 'vitest';
import { fixedKey } from './fixed-key.fixture.ts';
import { formatKeyId, isSameKeyId, keyIdOf } from './key-provider.ts';
import { deriveEpochKey } from './page-keys.ts';

const counting = (from: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => from + index);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const identity = { uuid: counting(200, 16), epoch: 0x01020304, salt: counting(100, 32) };

// Both golden values are from another implementation of HKDF (Python's hmac, by RFC 5869).
describe('the key of an epoch', () => {
  it('is HKDF-SHA256 of key, salt, uuid, epoch and purpose (@req C7)', () => {
    expect(hexOf(deriveEpochKey(fixedKey(0), identity))).toBe(
      '748a7e50a0b87b89accf8e0bba06d53a51676a76981f5f05c088485c1040da0a',
    );
  });

  it('is another with each other key, salt, uuid or epoch', () => {
    const keys = [
      deriveEpochKey(fixedKey(0), identity),
      deriveEpochKey(fixedKey(1), identity),
      deriveEpochKey(fixedKey(0), { ...identity, salt: counting(101, 32) }),
      deriveEpochKey(fixedKey(0), { ...identity, uuid: counting(201, 16) }),
      deriveEpochKey(fixedKey(0), { ...identity, epoch: 0x01020305 }),
    ];
    expect(new Set(keys.map(hexOf)).size).toBe(keys.length);
  });

  it('is not made from parts of another length', () => {
    expect(() => deriveEpochKey(counting(0, 31), identity)).toThrow('32 bytes');
    expect(() => deriveEpochKey(fixedKey(0), { ...identity, salt: new Uint8Array(0) })).toThrow(
      '32 bytes',
    );
    expect(() => deriveEpochKey(fixedKey(0), { ...identity, uuid: counting(0, 15) })).toThrow(
      '16 bytes',
    );
  });
});

describe('the name of a key', () => {
  it('is always the same 16 bytes for the same key, and others for another', () => {
    expect(formatKeyId(keyIdOf(fixedKey(0)))).toBe('4669d679e5f0b9d8d58f2b7df1e78cd4');
    expect(isSameKeyId(keyIdOf(fixedKey(0)), keyIdOf(fixedKey(0)))).toBe(true);
    expect(isSameKeyId(keyIdOf(fixedKey(0)), keyIdOf(fixedKey(1)))).toBe(false);
  });

  it('has no piece of the key in it', () => {
    for (let first = 0; first < 100; first++) {
      const key = hexOf(fixedKey(first));
      const id = formatKeyId(keyIdOf(fixedKey(first)));
      for (let at = 0; at + 8 <= id.length; at += 2)
        expect(key).not.toContain(id.slice(at, at + 8));
    }
  });
});
