import { z } from 'zod';
import { keyringOf, keysOf, type JournalKeys } from '../crypto/journal-keys.ts';
import { keyProviderOf, keySource } from '../crypto/key-source.ts';
import type { Superblock } from '../format/superblock.ts';

/** The option of every tool that reads what pages carry. */
export const encryptionOption = { encryption: keySource.optional() };

export const readingOptions = z.strictObject(encryptionOption);

export type ReadingOptions = z.output<typeof readingOptions>;

/**
 * `none`: the pages are not encrypted. `missing`: they are, and no key was given, so that only their
 * envelopes can be read. Throws EngineRefusal where what was given is not the journal's key.
 */
export type ToolKeys = JournalKeys | 'none' | 'missing';

export async function toolKeysFor(
  superblock: Superblock,
  { encryption }: ReadingOptions,
): Promise<ToolKeys> {
  if (encryption === undefined) return superblock.keyId === undefined ? 'none' : 'missing';
  const keys = await keysOf(superblock, keyringOf(keyProviderOf(encryption)));
  return keys ?? 'none';
}

export function disposeKeys(keys: ToolKeys): void {
  if (typeof keys !== 'string') keys[Symbol.dispose]();
}
