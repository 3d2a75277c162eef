import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import {
  nonceBytes,
  requireLayout,
  requireWithin,
  tagBytes,
  type AesGcm,
  type MessageLayout,
} from './aes-gcm.ts';

const algorithm = 'aes-256-gcm';
const options = { authTagLength: tagBytes };

/** AES-256-GCM by node:crypto: runs wherever Node does, and pays for a new cipher with each message. */
export function createNodeAesGcm(key: Uint8Array, layout: MessageLayout): AesGcm {
  requireLayout(key, layout);
  return new NodeAesGcm(key, layout);
}

class NodeAesGcm implements AesGcm {
  readonly nonce = new Uint8Array(nonceBytes);
  readonly #layout: MessageLayout;
  /** Node keeps its own copy of the key, and overwrites it when this is collected. */
  #key: KeyObject | undefined;

  constructor(key: Uint8Array, layout: MessageLayout) {
    this.#key = createSecretKey(key);
    this.#layout = layout;
  }

  seal(bytes: Uint8Array, at: number): void {
    requireWithin(bytes, at, this.#layout);
    const { aad, text, tag } = this.#partsOf(bytes, at);
    const cipher = createCipheriv(algorithm, this.#liveKey(), this.nonce, options);
    cipher.setAAD(aad);
    text.set(cipher.update(text));
    cipher.final();
    tag.set(cipher.getAuthTag());
  }

  open(bytes: Uint8Array, at: number): boolean {
    requireWithin(bytes, at, this.#layout);
    const { aad, text, tag } = this.#partsOf(bytes, at);
    const decipher = createDecipheriv(algorithm, this.#liveKey(), this.nonce, options);
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plain = decipher.update(text);
    const fits = isFinal(() => decipher.final());
    if (fits) text.set(plain);
    plain.fill(0);
    return fits;
  }

  [Symbol.dispose](): void {
    this.#key = undefined;
  }

  #partsOf(
    bytes: Uint8Array,
    at: number,
  ): { readonly aad: Uint8Array; readonly text: Uint8Array; readonly tag: Uint8Array } {
    const { aadBytes, textAt, textBytes, tagAt } = this.#layout;
    return {
      aad: bytes.subarray(at, at + aadBytes),
      text: bytes.subarray(at + textAt, at + textAt + textBytes),
      tag: bytes.subarray(at + tagAt, at + tagAt + tagBytes),
    };
  }

  #liveKey(): KeyObject {
    if (this.#key === undefined) throw new Error('the cipher has been disposed of');
    return this.#key;
  }
}

/** `final` throws for one reason only: the tag does not fit. */
function isFinal(finish: () => void): boolean {
  try {
    finish();
    return true;
  } catch {
    return false;
  }
}
