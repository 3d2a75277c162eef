import { hkdfSync } from 'node:crypto';
import { keyBytes } from './aes-gcm.ts';

/** 16 bytes that name a key and say nothing about it; they stand in the superblock. */
export type KeyId = Uint8Array;

export const keyIdBytes = 16;

/**
 * Where the keys of a journal come from. They are managed outside (a file, the environment, a key
 * service behind this interface); the journal asks when it is formatted and when it is opened, and
 * keeps none. On simulated time an answer must not wait for anything real: no thread, no asynchronous
 * I/O.
 */
export interface KeyProvider {
  /** Says where the keys are, for messages and reports. Never says anything of a key. */
  readonly description: string;
  /** Names the key to seal with from now on. */
  newestKeyId(): Promise<KeyId>;
  /**
   * The 32 bytes of a key, retired ones included, as a copy that the caller overwrites after use.
   * Rejects with EngineRefusal where there is no such key.
   */
  keyFor(id: KeyId): Promise<Uint8Array>;
}

const noSalt = new Uint8Array(0);

/**
 * The name of a key: HKDF-SHA256 of it with an empty salt and the info "powercut journal key id", so a
 * wrong key is told apart before any page is touched.
 */
export function keyIdOf(key: Uint8Array): KeyId {
  if (key.length !== keyBytes)
    throw new RangeError(`a key has ${keyBytes} bytes, not ${key.length}`);
  return new Uint8Array(hkdfSync('sha256', key, noSalt, 'powercut journal key id', keyIdBytes));
}

export function isSameKeyId(left: KeyId, right: KeyId): boolean {
  return Buffer.compare(left, right) === 0;
}

/** For messages. */
export function formatKeyId(id: KeyId): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}
