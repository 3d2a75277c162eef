import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { EpochEntry } from '../format/epoch-table.ts';
import type { PageCodec } from '../format/page.ts';
import type { Superblock } from '../format/superblock.ts';
import type { KeyProvider } from './key-provider.ts';
import {
  createPageCipher,
  nonceAreas,
  type CreatePageCipher,
  type PageCipher,
} from './page-cipher.ts';
import { deriveEpochKey } from './page-keys.ts';

/** Where the keys come from, and how ciphers are made of them. */
export interface Keyring {
  readonly provider: KeyProvider;
  readonly createCipher: CreatePageCipher;
}

export function keyringOf(provider: KeyProvider): Keyring {
  return { provider, createCipher: createPageCipher };
}

/**
 * The ciphers of an encrypted journal, one per epoch. An epoch's salt stands in the superblock's table,
 * and in the EpochStart record at the beginning of its first page, which is never encrypted: where
 * entries of the table were merged, the walk over the log finds the others there before it needs them.
 */
export class JournalKeys implements Disposable {
  readonly #uuid: Uint8Array;
  readonly #providerKey: Uint8Array;
  readonly #createCipher: CreatePageCipher;
  readonly #salts = new Map<number, Uint8Array>();
  readonly #ciphers = new Map<number, PageCipher>();

  constructor(superblock: Superblock, providerKey: Uint8Array, createCipher: CreatePageCipher) {
    this.#uuid = superblock.identity.uuid;
    this.#providerKey = providerKey;
    this.#createCipher = createCipher;
    this.noteEpochs(superblock.epochs);
  }

  noteEpochs(epochs: readonly EpochEntry[]): void {
    for (const { epochFrom, salt } of epochs) this.noteSalt(epochFrom, salt);
  }

  noteSalt(epoch: number, salt: Uint8Array): void {
    if (!this.#salts.has(epoch)) this.#salts.set(epoch, salt);
  }

  /** Decrypts the body of an unstamped page in place; throws EngineRefusal where it cannot. */
  open(codec: PageCodec, bytes: Uint8Array, at: number, pageSeq: number, epoch: number): void {
    if (this.#cipherFor(codec, epoch).openBody(bytes, at)) return;
    throw new EngineRefusal(
      'corrupt',
      `page ${pageSeq} of epoch ${epoch} is whole, but its tag does not fit: it was sealed with another key, or somebody has changed it`,
    );
  }

  /** A cipher of its own for the pages of an epoch that begins. */
  sealerOf(codec: PageCodec, epoch: number, salt: Uint8Array): PageCipher {
    return this.#cipherWith(codec, epoch, salt);
  }

  /** Frees the ciphers and overwrites the key; what was handed out by `sealerOf` goes on. */
  [Symbol.dispose](): void {
    for (const cipher of this.#ciphers.values()) cipher[Symbol.dispose]();
    this.#ciphers.clear();
    this.#providerKey.fill(0);
  }

  #cipherFor(codec: PageCodec, epoch: number): PageCipher {
    let cipher = this.#ciphers.get(epoch);
    if (cipher !== undefined) return cipher;
    const salt = this.#salts.get(epoch);
    if (salt === undefined) {
      throw new EngineRefusal('corrupt', `the salt of epoch ${epoch} is in no record of the log`);
    }
    cipher = this.#cipherWith(codec, epoch, salt);
    this.#ciphers.set(epoch, cipher);
    return cipher;
  }

  #cipherWith(codec: PageCodec, epoch: number, salt: Uint8Array): PageCipher {
    const key = deriveEpochKey(this.#providerKey, { uuid: this.#uuid, epoch, salt });
    try {
      return this.#createCipher({ key, area: nonceAreas.journal, shape: codec });
    } finally {
      key.fill(0);
    }
  }
}

/**
 * The keys of a journal that is being opened; undefined where it is not encrypted. Throws EngineRefusal
 * where what was given does not go with the journal.
 */
export async function keysOf(
  superblock: Superblock,
  keyring: Keyring | undefined,
): Promise<JournalKeys | undefined> {
  const { keyId } = superblock;
  if (keyId === undefined) {
    if (keyring === undefined) return undefined;
    throw new EngineRefusal(
      'incompatible',
      `${keyring.provider.description} was given for a journal that is not encrypted: expected no key`,
    );
  }
  if (keyring === undefined) {
    throw new EngineRefusal(
      'incompatible',
      'the journal is encrypted: expected the place of its key in the option encryption',
    );
  }
  const providerKey = await keyring.provider.keyFor(keyId);
  return new JournalKeys(superblock, providerKey, keyring.createCipher);
}
