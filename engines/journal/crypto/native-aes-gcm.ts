import {
  keyBytes,
  nonceBytes,
  requireLayout,
  requireWithin,
  tagBytes,
  type AesGcm,
  type MessageLayout,
} from './aes-gcm.ts';
import type { Address, Libcrypto } from './libcrypto.ts';

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const getTag = 0x10;
const setTag = 0x11;

/** OpenSSL counts in `int`. */
const textBytesMax = 2 ** 31 - 1;

/**
 * AES-256-GCM by OpenSSL's own functions. The key is expanded once per context, and a message costs
 * five calls that allocate nothing; node:crypto makes a new cipher for each. Sealing and opening have
 * a context each, so that neither ever sees the other's state.
 */
export function createNativeAesGcm(
  libcrypto: Libcrypto,
  key: Uint8Array,
  layout: MessageLayout,
): AesGcm {
  requireLayout(key, layout);
  if (layout.textBytes > textBytesMax) throw new RangeError(`${layout.textBytes} bytes of text`);
  return new NativeAesGcm(libcrypto, key, layout);
}

/** What native code is given beside messages: the nonce, then the C int it counts its output in. */
const countAt = 16;
const scratchBytes = 20;

class NativeAesGcm implements AesGcm {
  readonly nonce: Uint8Array;
  readonly #libcrypto: Libcrypto;
  readonly #layout: MessageLayout;
  readonly #nonceAddress: Address;
  readonly #countAddress: Address;
  readonly #addresses: BufferAddresses;
  readonly #contexts: Contexts;
  #isDisposed = false;

  constructor(libcrypto: Libcrypto, key: Uint8Array, layout: MessageLayout) {
    this.#libcrypto = libcrypto;
    this.#layout = layout;
    // Reached through `nonce`, the scratch lives as long as its address is used.
    const scratch = new ArrayBuffer(scratchBytes);
    this.nonce = new Uint8Array(scratch, 0, nonceBytes);
    this.#nonceAddress = libcrypto.addressOf(scratch);
    this.#countAddress = this.#nonceAddress + countAt;
    this.#addresses = new BufferAddresses(libcrypto);
    this.#contexts = createContexts(libcrypto, key);
    whenCollected.register(this, { libcrypto, contexts: this.#contexts }, this);
  }

  seal(bytes: Uint8Array, at: number): void {
    const start = this.#startOf(bytes, at);
    const { aadBytes, textAt, textBytes, tagAt } = this.#layout;
    const { encryptInit, encryptUpdate, encryptFinal, contextControl } = this.#libcrypto;
    const context = this.#contexts.sealing;
    const count = this.#countAddress;
    const text = start + textAt;
    requireSuccess(encryptInit(context, 0, 0, 0, this.#nonceAddress), 'EVP_EncryptInit_ex');
    requireSuccess(encryptUpdate(context, 0, count, start, aadBytes), 'EVP_EncryptUpdate');
    requireSuccess(encryptUpdate(context, text, count, text, textBytes), 'EVP_EncryptUpdate');
    requireSuccess(encryptFinal(context, count, count), 'EVP_EncryptFinal_ex');
    requireSuccess(contextControl(context, getTag, tagBytes, start + tagAt), 'EVP_CIPHER_CTX_ctrl');
  }

  open(bytes: Uint8Array, at: number): boolean {
    const start = this.#startOf(bytes, at);
    const { aadBytes, tagAt } = this.#layout;
    const { decryptUpdate, decryptFinal, contextControl } = this.#libcrypto;
    const context = this.#contexts.opening;
    const count = this.#countAddress;
    this.#restartOpening();
    requireSuccess(contextControl(context, setTag, tagBytes, start + tagAt), 'EVP_CIPHER_CTX_ctrl');
    requireSuccess(decryptUpdate(context, 0, count, start, aadBytes), 'EVP_DecryptUpdate');
    this.#toggleText(start);
    // It compares the tags in constant time, and fails for no other reason.
    const fits = decryptFinal(context, count, count) === 1;
    if (!fits) this.#undoOpening(start);
    return fits;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    whenCollected.unregister(this);
    freeContexts(this.#libcrypto, this.#contexts);
    this.#addresses.forget();
  }

  #startOf(bytes: Uint8Array, at: number): Address {
    if (this.#isDisposed) throw new Error('the cipher has been disposed of');
    requireWithin(bytes, at, this.#layout);
    return this.#addresses.of(bytes) + at;
  }

  #restartOpening(): void {
    const { decryptInit } = this.#libcrypto;
    const answer = decryptInit(this.#contexts.opening, 0, 0, 0, this.#nonceAddress);
    requireSuccess(answer, 'EVP_DecryptInit_ex');
  }

  /** GCM encrypts by xor with a key stream: the same call decrypts, and takes it back. */
  #toggleText(start: Address): void {
    const text = start + this.#layout.textAt;
    const { textBytes } = this.#layout;
    const answer = this.#libcrypto.decryptUpdate(
      this.#contexts.opening,
      text,
      this.#countAddress,
      text,
      textBytes,
    );
    requireSuccess(answer, 'EVP_DecryptUpdate');
  }

  #undoOpening(start: Address): void {
    this.#restartOpening();
    this.#toggleText(start);
    // What a failure leaves in this thread's queue would come out of node:crypto later.
    this.#libcrypto.clearErrors();
  }
}

interface Contexts {
  readonly sealing: Address;
  readonly opening: Address;
}

function createContexts(libcrypto: Libcrypto, key: Uint8Array): Contexts {
  const contexts = { sealing: libcrypto.contextNew(), opening: libcrypto.contextNew() };
  if (contexts.sealing === 0 || contexts.opening === 0)
    throw new Error('OpenSSL has no memory left');
  const copy = new Uint8Array(new ArrayBuffer(keyBytes));
  copy.set(key);
  try {
    const keyAddress = libcrypto.addressOf(copy.buffer);
    const cipher = libcrypto.aes256Gcm();
    const { encryptInit, decryptInit } = libcrypto;
    requireSuccess(encryptInit(contexts.sealing, cipher, 0, keyAddress, 0), 'EVP_EncryptInit_ex');
    requireSuccess(decryptInit(contexts.opening, cipher, 0, keyAddress, 0), 'EVP_DecryptInit_ex');
    return contexts;
  } catch (error) {
    freeContexts(libcrypto, contexts);
    throw error;
  } finally {
    copy.fill(0);
  }
}

function freeContexts(libcrypto: Libcrypto, { sealing, opening }: Contexts): void {
  libcrypto.contextFree(sealing);
  libcrypto.contextFree(opening);
}

interface Abandoned {
  readonly libcrypto: Libcrypto;
  readonly contexts: Contexts;
}

/** A crash abandons a journal without disposing of it, thousands of times in one process. */
const whenCollected = new FinalizationRegistry(({ libcrypto, contexts }: Abandoned) => {
  freeContexts(libcrypto, contexts);
});

/** Addresses of buffers that were seen, so that koffi is asked once per buffer and not per page. */
class BufferAddresses {
  readonly #libcrypto: Libcrypto;
  #known = new WeakMap<ArrayBufferLike, Address>();
  #lastBuffer: ArrayBufferLike | undefined;
  #lastAddress: Address = 0;

  constructor(libcrypto: Libcrypto) {
    this.#libcrypto = libcrypto;
  }

  of(bytes: Uint8Array): Address {
    const { buffer } = bytes;
    if (buffer !== this.#lastBuffer) this.#lookUp(buffer);
    return this.#lastAddress + bytes.byteOffset;
  }

  forget(): void {
    this.#known = new WeakMap();
    this.#lastBuffer = undefined;
  }

  #lookUp(buffer: ArrayBufferLike): void {
    let address = this.#known.get(buffer);
    if (address === undefined) {
      address = this.#libcrypto.addressOf(buffer);
      this.#known.set(buffer, address);
    }
    this.#lastBuffer = buffer;
    this.#lastAddress = address;
  }
}

function requireSuccess(answer: number, what: string): void {
  if (answer !== 1) throw new Error(`${what} of OpenSSL failed: it answered ${answer}`);
}
