/** AES-256 and GCM as the journal uses them: 256-bit keys, 96-bit nonces, 128-bit tags. */
export const keyBytes = 32;
export const nonceBytes = 12;
export const tagBytes = 16;

/** Where the parts of one message lie, in bytes from its first. The first `aadBytes` are not encrypted. */
export interface MessageLayout {
  readonly aadBytes: number;
  readonly textAt: number;
  readonly textBytes: number;
  readonly tagAt: number;
}

/**
 * AES-256-GCM in place under one key, for messages of one layout. Whoever calls writes `nonce` first,
 * and answers for it that no nonce is used for two messages.
 */
export interface AesGcm extends Disposable {
  /** 12 bytes, for the next call. */
  readonly nonce: Uint8Array;
  /** Encrypts the text of the message that begins at `at` of `bytes`, and writes its tag. */
  seal(bytes: Uint8Array, at: number): void;
  /**
   * Decrypts the text and answers true if the tag fits; answers false and leaves the bytes as they
   * were if not. Plaintext that was not authenticated never leaves here.
   */
  open(bytes: Uint8Array, at: number): boolean;
}

/** The key is copied: the caller may overwrite its own at once. */
export type CreateAesGcm = (key: Uint8Array, layout: MessageLayout) => AesGcm;

/** Throws unless the parts follow one another, the tag last, as the bounds below take for granted. */
export function requireLayout(key: Uint8Array, layout: MessageLayout): void {
  const { aadBytes, textAt, textBytes, tagAt } = layout;
  const isOrdered =
    aadBytes >= 0 && textAt >= aadBytes && textBytes >= 0 && tagAt >= textAt + textBytes;
  if (!isOrdered || !Object.values(layout).every(Number.isSafeInteger)) {
    throw new RangeError(
      `AAD, text and tag overlap or are out of order: ${JSON.stringify(layout)}`,
    );
  }
  if (key.length !== keyBytes) {
    throw new RangeError(`a key has ${keyBytes} bytes, not ${key.length}`);
  }
}

/**
 * Throws unless the whole message lies within `bytes`. Native code gets an address and would write
 * beside the buffer; a buffer that was detached has no bytes and is refused here too.
 */
export function requireWithin(bytes: Uint8Array, at: number, layout: MessageLayout): void {
  if (Number.isSafeInteger(at) && at >= 0 && at + layout.tagAt + tagBytes <= bytes.length) return;
  throw new RangeError(
    `a message of ${layout.tagAt + tagBytes} bytes at ${at} does not lie within ${bytes.length} bytes`,
  );
}
