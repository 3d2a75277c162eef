import { hkdfSync } from 'node:crypto';
import { viewOf } from '../format/u64.ts';
import { keyBytes } from './aes-gcm.ts';

export const epochSaltBytes = 32;

/** What one epoch of one journal has of its own. */
export interface EpochIdentity {
  readonly uuid: Uint8Array;
  readonly epoch: number;
  /** 32 random bytes, fresh at each open: they, and not the epoch's number, make the key unique. */
  readonly salt: Uint8Array;
}

const purpose = Buffer.from('journal', 'latin1');

/**
 * The key of an epoch's pages: HKDF-SHA256 (RFC 5869) of the provider's key, `salt`, and
 * `uuid ‖ u32 epoch ‖ "journal"`. The caller overwrites it once the cipher has it.
 */
export function deriveEpochKey(providerKey: Uint8Array, identity: EpochIdentity): Uint8Array {
  const { uuid, epoch, salt } = identity;
  requireBytes('key', providerKey, keyBytes);
  requireBytes('uuid', uuid, 16);
  requireBytes('salt', salt, epochSaltBytes);
  const info = new Uint8Array(20 + purpose.length);
  info.set(uuid);
  viewOf(info).setUint32(16, epoch, true);
  info.set(purpose, 20);
  return new Uint8Array(hkdfSync('sha256', providerKey, salt, info, keyBytes));
}

function requireBytes(what: string, bytes: Uint8Array, count: number): void {
  if (bytes.length === count) return;
  throw new RangeError(`the ${what} of an epoch has ${count} bytes, not ${bytes.length}`);
}
