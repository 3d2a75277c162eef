import { createDecipheriv, hkdfSync } from 'node:crypto';
import { crc32c, crcAround, stampOf } from './checksums.fixture.ts';
import { Fields, isSame, Refusal, type Medium } from './medium.fixture.ts';
import type { Superblock } from './superblock.fixture.ts';

/** The envelope of a whole page, and all its bytes. */
export interface Page {
  readonly bytes: Uint8Array;
  readonly isEncrypted: boolean;
  readonly isEmpty: boolean;
  readonly pageSeq: number;
  readonly epoch: number;
  readonly used: number;
  readonly firstRecord: number;
  readonly firstLsn: number;
  readonly durableLsn: number;
  readonly tailDistance: number;
  readonly batch: number;
  readonly place: number;
  readonly batchPages: number;
  readonly digestBefore: number;
  readonly crc: number;
}

/** Reads the pages of one journal, and opens their bodies. */
export class PageReader {
  readonly journalId: number;
  readonly pageBytes: number;
  readonly sectorBytes: number;
  readonly bodyAt: number;
  readonly bodyBytes: number;
  readonly isEncrypted: boolean;
  readonly #seed: number;
  readonly #uuid: Uint8Array;
  readonly #key: Uint8Array | undefined;
  readonly #salts: Map<number, Uint8Array>;

  constructor(superblock: Superblock, keyOf: Medium['keyOf']) {
    const { uuid, salt, pageBytes, atomicUnit, isEncrypted, keyId } = superblock;
    this.#uuid = uuid;
    this.#seed = crc32c(salt, crc32c(uuid));
    this.journalId = (new Fields(salt).u32(0) ^ new Fields(uuid).u32(0)) >>> 0;
    this.pageBytes = pageBytes;
    this.sectorBytes = atomicUnit;
    const displaced = pageBytes / atomicUnit - 1;
    this.bodyAt = displaced === 0 ? 64 : 68 + 4 * displaced;
    this.bodyBytes = pageBytes - this.bodyAt - (isEncrypted ? 16 : 0);
    this.isEncrypted = isEncrypted;
    this.#salts = new Map(superblock.epochs.map(({ first, salt: ofEpoch }) => [first, ofEpoch]));
    if (isEncrypted !== (keyOf !== undefined))
      throw new Refusal('key', 'a key too few or too many');
    this.#key = keyOf?.(keyId);
    if (this.#key !== undefined && !isSame(keyIdOf(this.#key), keyId)) {
      throw new Refusal('key', 'that is another key');
    }
  }

  get isStamped(): boolean {
    return this.sectorBytes < this.pageBytes;
  }

  isWhole(bytes: Uint8Array): boolean {
    const fields = new Fields(bytes);
    return (
      fields.text(0, 4) === 'NJPG' &&
      fields.u32(56) === this.journalId &&
      fields.u32(60) === crcAround(bytes, 60, this.#seed)
    );
  }

  envelope(bytes: Uint8Array): Page {
    const fields = new Fields(bytes);
    return {
      bytes,
      isEncrypted: (fields.u16(6) & 1) !== 0,
      isEmpty: (fields.u16(6) & 8) !== 0,
      pageSeq: fields.u64(8),
      epoch: fields.u32(16),
      used: fields.u16(20),
      firstRecord: fields.u16(22),
      firstLsn: fields.u64(24),
      durableLsn: fields.u64(32),
      tailDistance: fields.u32(40),
      batch: fields.u32(44),
      place: fields.u16(48),
      batchPages: fields.u16(50),
      digestBefore: fields.u32(52),
      crc: fields.u32(60),
    };
  }

  /** Whether each sector has the stamp that it should have, were the page whole. */
  hasItsStamps({ bytes, pageSeq, epoch }: Page): boolean {
    if (!this.isStamped) return true;
    const fields = new Fields(bytes);
    const stamp = stampOf(pageSeq, epoch, this.journalId);
    for (let at = this.sectorBytes; at < this.pageBytes; at += this.sectorBytes) {
      if (fields.u32(at) !== stamp) return false;
    }
    return fields.u32(64) === stamp;
  }

  noteSalt(epoch: number, salt: Uint8Array): void {
    this.#salts.set(epoch, salt);
  }

  /** The bytes of records in the page. */
  body(page: Page): Uint8Array {
    const bytes = page.bytes.slice();
    for (let sector = 1; sector < this.pageBytes / this.sectorBytes; sector++) {
      const kept = 68 + 4 * (sector - 1);
      bytes.set(page.bytes.subarray(kept, kept + 4), sector * this.sectorBytes);
    }
    if (page.used > this.bodyBytes) throw new Refusal('record', `page ${page.pageSeq} is overfull`);
    const body = page.isEncrypted ? this.#decrypt(page, bytes) : bytes.subarray(this.bodyAt);
    return body.subarray(0, page.used);
  }

  #decrypt({ pageSeq, epoch }: Page, bytes: Uint8Array): Uint8Array {
    const salt = this.#salts.get(epoch);
    if (this.#key === undefined || salt === undefined) {
      throw new Refusal('record', `nothing opens page ${pageSeq} of epoch ${epoch}`);
    }
    const info = Buffer.concat([this.#uuid, u32(epoch), Buffer.from('journal')]);
    const key = new Uint8Array(hkdfSync('sha256', this.#key, salt, info, 32));
    const nonce = Buffer.concat([u32(1), bytes.subarray(8, 16)]);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(bytes.subarray(0, 60));
    decipher.setAuthTag(bytes.subarray(this.pageBytes - 16));
    const plain = decipher.update(bytes.subarray(this.bodyAt, this.pageBytes - 16));
    try {
      decipher.final();
    } catch (error) {
      throw new Refusal('record', `the tag of page ${pageSeq} does not fit: ${String(error)}`);
    }
    return plain;
  }
}

function keyIdOf(key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', 'powercut journal key id', 16));
}

function u32(word: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(word).buffer);
}
