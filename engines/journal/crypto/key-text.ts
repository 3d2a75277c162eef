import { EngineRefusal } from '../../../harness/contract/index.ts';
import { keyBytes } from './aes-gcm.ts';

const expected = `64 hexadecimal digits, or base64 of ${keyBytes} bytes`;
const hexadecimal = /^[0-9a-f]{64}$/i;
const base64 = /^[A-Za-z0-9+/]{43}=?$/;

/** Whether text could be a key, where the name of a place was asked for. */
export function looksLikeKey(text: string): boolean {
  return hexadecimal.test(text.trim()) || base64.test(text.trim());
}

/**
 * The keys in a text, separated by white space. `place` says where the text comes from. Messages name
 * lengths and positions and nothing of what was found: it may be most of a key.
 */
export function parseKeys(text: string, place: string): Uint8Array[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw refusal(`there is no key in ${place}: expected ${expected}`);
  return words.map((word, index) =>
    parseKey(word, `key ${index + 1} of ${words.length} in ${place}`),
  );
}

function parseKey(word: string, what: string): Uint8Array {
  if (hexadecimal.test(word)) return requireRandom(new Uint8Array(Buffer.from(word, 'hex')), what);
  const key = base64.test(word) ? new Uint8Array(Buffer.from(word, 'base64')) : undefined;
  if (key?.length === keyBytes) return requireRandom(key, what);
  throw refusal(`${what} has ${word.length} characters that are no key: expected ${expected}`);
}

/** Refuses what is a key by its length alone: 32 equal bytes are what an empty file image has. */
export function requireRandom(key: Uint8Array, what: string): Uint8Array {
  if (!key.every((byte) => byte === key[0])) return key;
  key.fill(0);
  throw refusal(
    `${what} is one byte repeated: expected a random key, as openssl rand -hex 32 prints`,
  );
}

function refusal(message: string): EngineRefusal {
  return new EngineRefusal('incompatible', message);
}
