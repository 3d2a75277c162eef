import { createHash } from 'node:crypto';
import type { CreatePageCipher, PageCipher, PageCipherOptions } from './page-cipher.ts';

/**
 * Remembers every nonce that pages were sealed with, under each key, over all ciphers that are made
 * through it: over opens, crashes and snapshots put back, which a cipher's own guard cannot see. Sealing
 * with one that was used before throws before anything is sealed, and stays on record in `repeats`,
 * should an engine swallow the error.
 */
export class NonceLedger {
  readonly repeats: string[] = [];
  readonly #used = new Set<string>();
  readonly #keys = new Set<string>();

  get sealedPages(): number {
    return this.#used.size;
  }

  /** Different keys that pages were sealed under. */
  get keys(): number {
    return this.#keys.size;
  }

  /** A cipher maker that is watched; `create` is the real one. */
  watch(create: CreatePageCipher): CreatePageCipher {
    return (options) => new WatchedCipher(create(options), options, this);
  }

  /** `key` is a fingerprint. */
  record(key: string, nonce: string): void {
    const use = `${key} ${nonce}`;
    if (this.#used.has(use)) {
      this.repeats.push(use);
      throw new Error(`nonce ${nonce} was used before under the key with fingerprint ${key}`);
    }
    this.#keys.add(key);
    this.#used.add(use);
  }
}

class WatchedCipher implements PageCipher {
  readonly #cipher: PageCipher;
  readonly #ledger: NonceLedger;
  readonly #fingerprint: string;
  readonly #area: number;

  constructor(cipher: PageCipher, { key, area }: PageCipherOptions, ledger: NonceLedger) {
    this.#cipher = cipher;
    this.#ledger = ledger;
    this.#area = area;
    this.#fingerprint = createHash('sha256').update(key).digest('hex').slice(0, 16);
  }

  get pagesLeft(): number {
    return this.#cipher.pagesLeft;
  }

  sealBody(bytes: Uint8Array, pageAt: number): void {
    this.#ledger.record(this.#fingerprint, nonceOf(this.#area, bytes, pageAt));
    this.#cipher.sealBody(bytes, pageAt);
  }

  openBody(bytes: Uint8Array, pageAt: number): boolean {
    return this.#cipher.openBody(bytes, pageAt);
  }

  [Symbol.dispose](): void {
    this.#cipher[Symbol.dispose]();
  }
}

/** Put together here and not by the cipher: u32 area, then the u64 at 8 of the envelope. */
function nonceOf(area: number, bytes: Uint8Array, pageAt: number): string {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(area, 0);
  nonce.set(bytes.subarray(pageAt + 8, pageAt + 16), 4);
  return nonce.toString('hex');
}
