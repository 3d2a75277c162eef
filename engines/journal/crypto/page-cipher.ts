import assert from 'node:assert/strict';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import { readU64, viewOf } from '../format/u64.ts';
import { tagBytes, type AesGcm, type MessageLayout } from './aes-gcm.ts';
import { chooseAesGcm, type AesGcmChoice } from './choose-aes-gcm.ts';

/**
 * AES-256-GCM over the body of a page, in place. The envelope up to its CRC is authenticated and
 * stays readable; the last 16 bytes of the page become the tag. Stamps and the CRC come after sealing
 * and go before opening.
 *
 * The nonce is the area and the page's number, which stands in the envelope, so nonce and page cannot
 * disagree. A key is one epoch's: within it every page is sealed once, in the order of their numbers,
 * and a cipher refuses to seal any other way. Each open begins an epoch with a fresh salt, so a crash
 * or a restored snapshot that brings a number back brings another key.
 */
export interface PageCipher extends Disposable {
  /** Pages that may still be sealed under this key. */
  readonly pagesLeft: number;
  /**
   * Encrypts the body of the page at `pageAt` of `bytes` and puts the tag behind it. The envelope,
   * but for the CRC, must be final.
   */
  sealBody(bytes: Uint8Array, pageAt: number): void;
  /**
   * Decrypts the body and answers true. Answers false and leaves the page as it was when the tag does
   * not fit: another key, or someone changed the page.
   */
  openBody(bytes: Uint8Array, pageAt: number): boolean;
}

/** What part of the device a page is sealed for; part of the nonce. */
export const nonceAreas = { journal: 1, doubleWrite: 2 } as const;
export type NonceArea = (typeof nonceAreas)[keyof typeof nonceAreas];

/** The page codec has these. */
export interface SealedShape {
  readonly pageBytes: number;
  /** From here to the tag the page is encrypted. */
  readonly bodyOffset: number;
}

export interface PageCipherOptions {
  /** 32 bytes, of one epoch (page-keys.ts). Copied: overwrite it afterwards. */
  readonly key: Uint8Array;
  readonly area: NonceArea;
  readonly shape: SealedShape;
  /** For tests; the default is what one key may be used for. */
  readonly pagesMax?: number;
}

export type CreatePageCipher = (options: PageCipherOptions) => PageCipher;

/**
 * Far below where GCM's bounds begin to matter (2^32 pages of 16 KiB are 2^42 AES blocks: an advantage
 * of 2^-45), and 16 TiB of 4 KiB pages in one open.
 */
export const pagesPerKeyMax = 2 ** 32;

/** The envelope without its CRC, and the number in it; README, "Page". */
const authenticatedBytes = 60;
const pageSeqAt = 8;

/** Nonce: u32 area, u64 page_seq, little-endian. */
const nonceAreaAt = 0;
const noncePageSeqAt = 4;

export function createPageCipher(
  options: PageCipherOptions,
  aesGcm: AesGcmChoice = chooseAesGcm(),
): PageCipher {
  const layout = layoutOf(options.shape);
  return new GcmPageCipher(aesGcm.create(options.key, layout), options);
}

function layoutOf({ pageBytes, bodyOffset }: SealedShape): MessageLayout {
  const tagAt = pageBytes - tagBytes;
  return { aadBytes: authenticatedBytes, textAt: bodyOffset, textBytes: tagAt - bodyOffset, tagAt };
}

class GcmPageCipher implements PageCipher {
  pagesLeft: number;
  readonly #gcm: AesGcm;
  readonly #nonce: DataView;
  #lastSealed = -1;

  constructor(gcm: AesGcm, { area, pagesMax = pagesPerKeyMax }: PageCipherOptions) {
    this.#gcm = gcm;
    this.#nonce = viewOf(gcm.nonce);
    this.#nonce.setUint32(nonceAreaAt, area, true);
    this.pagesLeft = pagesMax;
  }

  sealBody(bytes: Uint8Array, pageAt: number): void {
    const pageSeq = this.#setNonce(bytes, pageAt);
    assert(
      pageSeq > this.#lastSealed,
      `page ${pageSeq} must not be sealed after page ${this.#lastSealed}: a nonce would be used again`,
    );
    if (this.pagesLeft <= 0) {
      throw new EngineRefusal(
        'full',
        'as many pages are sealed as one key may be used for: close the journal and open it, which makes a new key',
      );
    }
    this.#lastSealed = pageSeq;
    this.pagesLeft--;
    this.#gcm.seal(bytes, pageAt);
  }

  openBody(bytes: Uint8Array, pageAt: number): boolean {
    this.#setNonce(bytes, pageAt);
    return this.#gcm.open(bytes, pageAt);
  }

  [Symbol.dispose](): void {
    this.#gcm[Symbol.dispose]();
  }

  #setNonce(bytes: Uint8Array, pageAt: number): number {
    for (let index = 0; index < 8; index++) {
      this.#nonce.setUint8(noncePageSeqAt + index, bytes[pageAt + pageSeqAt + index]!);
    }
    return readU64(this.#nonce, noncePageSeqAt);
  }
}
