import { createCipheriv } from 'node:crypto';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { tagBytes, type AesGcm, type CreateAesGcm, type MessageLayout } from './aes-gcm.ts';
import { chooseAesGcm, nativeOrNode, requireAgreement } from './choose-aes-gcm.ts';
import { createNodeAesGcm } from './node-aes-gcm.ts';

const both: readonly (readonly [string, CreateAesGcm])[] = [
  ['node', createNodeAesGcm],
  ['native', chooseAesGcm().create],
];

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** McGrew and Viega, "The Galois/Counter Mode of Operation", Appendix B, test cases 13 to 16. */
const zeroKey = '00'.repeat(32);
const key = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const text =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255';
const sealed =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad';
const vectors = [
  {
    key: zeroKey,
    nonce: '00'.repeat(12),
    aad: '',
    text: '',
    sealed: '',
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    key: zeroKey,
    nonce: '00'.repeat(12),
    aad: '',
    text: '00'.repeat(16),
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18',
    tag: 'd0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    key,
    nonce: 'cafebabefacedbaddecaf888',
    aad: '',
    text,
    sealed,
    tag: 'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    key,
    nonce: 'cafebabefacedbaddecaf888',
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    text: text.slice(0, 120),
    sealed: sealed.slice(0, 120),
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
];

/** AAD, text and tag of a vector in a row. */
function messageOf(aad: string, body: string): { bytes: Uint8Array; layout: MessageLayout } {
  const [aadBytes, textBytes] = [aad.length / 2, body.length / 2];
  const bytes = new Uint8Array(aadBytes + textBytes + tagBytes);
  bytes.set(hex(aad + body));
  return {
    bytes,
    layout: { aadBytes, textAt: aadBytes, textBytes, tagAt: aadBytes + textBytes },
  };
}

const layout: MessageLayout = { aadBytes: 10, textAt: 12, textBytes: 100, tagAt: 112 };
const messageBytes = layout.tagAt + tagBytes;
const someKey = new Uint8Array(32).fill(9);

/** @req C7 */
describe.each(both)('AES-256-GCM by %s', (_, create) => {
  it.each(vectors)('seals and opens the published vector with tag $tag', (vector) => {
    const { bytes, layout } = messageOf(vector.aad, vector.text);
    using gcm = create(hex(vector.key), layout);
    gcm.nonce.set(hex(vector.nonce));
    gcm.seal(bytes, 0);
    expect(Buffer.from(bytes).toString('hex')).toBe(vector.aad + vector.sealed + vector.tag);
    expect(gcm.open(bytes, 0)).toBe(true);
    expect(Buffer.from(bytes).toString('hex')).toBe(vector.aad + vector.text + vector.tag);
  });

  it('keeps no state from one message to the next, whatever came before', () => {
    using gcm = create(someKey, layout);
    const [first, again] = [new Uint8Array(messageBytes), new Uint8Array(messageBytes)];
    gcm.seal(first, 0);
    gcm.nonce.fill(1);
    gcm.seal(new Uint8Array(messageBytes), 0);
    gcm.open(new Uint8Array(messageBytes), 0);
    gcm.nonce.fill(0);
    gcm.seal(again, 0);
    expect(again).toEqual(first);
  });

  it('finds its bytes at an offset, in memory of any kind', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(messageBytes + 50), 20);
    const foreign = new Uint8Array(koffi.view(koffi.alloc('uint8_t', 4096), 4096), 1000, 900);
    const pooled = Buffer.allocUnsafe(messageBytes + 7).subarray(7);
    using gcm = create(someKey, layout);
    const expected = new Uint8Array(messageBytes);
    gcm.seal(expected, 0);
    for (const bytes of [shared, foreign, pooled]) {
      bytes.fill(0);
      const at = bytes.length - messageBytes;
      gcm.seal(bytes, at);
      expect(Buffer.compare(bytes.subarray(at), expected)).toBe(0);
      expect(bytes.subarray(0, at).every((byte) => byte === 0)).toBe(true);
      expect(gcm.open(bytes, at)).toBe(true);
    }
  });

  it('refuses a message that is not wholly within the bytes, and touches nothing', () => {
    using gcm = create(someKey, layout);
    const surroundings = new Uint8Array(3 * messageBytes);
    const bytes = surroundings.subarray(messageBytes, 2 * messageBytes);
    for (const at of [-1, 1, 0.5, NaN, 2 ** 53]) {
      expect(() => {
        gcm.seal(bytes, at);
      }).toThrow(RangeError);
      expect(() => gcm.open(bytes, at)).toThrow(RangeError);
    }
    expect(() => {
      gcm.seal(surroundings, 0.5);
    }).toThrow(RangeError);
    expect(surroundings.every((byte) => byte === 0)).toBe(true);
  });

  it('refuses a buffer that was detached after it had been used', () => {
    using gcm = create(someKey, layout);
    const bytes = new Uint8Array(messageBytes);
    gcm.seal(bytes, 0);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(() => {
      gcm.seal(bytes, 0);
    }).toThrow(RangeError);
  });

  it('copies the key, and does nothing once it is disposed of, however often', () => {
    const given = someKey.slice();
    const gcm = create(given, layout);
    given.fill(0);
    const [bytes, expected] = [new Uint8Array(messageBytes), new Uint8Array(messageBytes)];
    gcm.seal(bytes, 0);
    using other = create(someKey, layout);
    other.seal(expected, 0);
    expect(bytes).toEqual(expected);
    gcm[Symbol.dispose]();
    gcm[Symbol.dispose]();
    expect(() => {
      gcm.seal(bytes, 0);
    }).toThrow('disposed');
    expect(() => gcm.open(bytes, 0)).toThrow('disposed');
  });

  it('refuses a key of another length, and a layout whose parts overlap', () => {
    expect(() => create(new Uint8Array(16), layout)).toThrow('32 bytes');
    expect(() => create(someKey, { ...layout, textAt: 9 })).toThrow('out of order');
    expect(() => create(someKey, { ...layout, tagAt: 111 })).toThrow('out of order');
  });

  it('leaves nothing behind that disturbs node:crypto when it refuses', () => {
    using gcm = create(someKey, layout);
    expect(gcm.open(new Uint8Array(messageBytes), 0)).toBe(false);
    const cipher = createCipheriv('aes-128-ecb', new Uint8Array(16), null);
    expect(cipher.update(new Uint8Array(16)).length + cipher.final().length).toBe(32);
  });
});

describe('the choice between them', () => {
  it('is the native one where koffi is there', () => {
    expect(chooseAesGcm()).toMatchObject({ name: 'native' });
  });

  it('falls back to node:crypto where koffi is not installed, says why, and seals the same bytes', () => {
    const choice = nativeOrNode('koffi-that-nobody-installed');
    expect(choice.name).toBe('node');
    expect(choice.reason).toContain("Cannot find module 'koffi-that");
    const [left, right] = [new Uint8Array(messageBytes), new Uint8Array(messageBytes)];
    using fallback = choice.create(someKey, layout);
    using native = chooseAesGcm().create(someKey, layout);
    fallback.seal(left, 0);
    native.seal(right, 0);
    expect(left).toEqual(right);
  });

  it('rejects an implementation that answers otherwise than node:crypto', () => {
    const changed = (change: Partial<AesGcm>): CreateAesGcm => {
      return (key, layout) => Object.assign(createNodeAesGcm(key, layout), change);
    };
    expect(() => {
      requireAgreement(changed({}));
    }).not.toThrow();
    expect(() => {
      requireAgreement(changed({ open: () => true }));
    }).toThrow('does not answer');
    expect(() => {
      requireAgreement(changed({ open: () => false }));
    }).toThrow('does not answer');
    const credulous: CreateAesGcm = (key, layout) => {
      const gcm = createNodeAesGcm(key, layout);
      const open = gcm.open.bind(gcm);
      return Object.assign(gcm, {
        open: (bytes: Uint8Array, at: number) => open(bytes, at) || true,
      });
    };
    expect(() => {
      requireAgreement(credulous);
    }).toThrow('does not answer');
    expect(() => {
      requireAgreement(changed({ seal: () => undefined }));
    }).toThrow('does not answer');
  });
});
