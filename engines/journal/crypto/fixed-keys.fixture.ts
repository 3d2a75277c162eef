import { EngineRefusal } from '../../../harness/contract/index.ts';
import { isSameKeyId, keyIdOf, type KeyProvider } from './key-provider.ts';

/** Keys of a test, newest first: 32 bytes each that count up from `first`. */
export function fixedKeys(...first: readonly number[]): KeyProvider {
  const keys = first.map(fixedKey);
  return {
    description: 'the keys of a test',
    newestKeyId: async () => keyIdOf(keys[0]!),
    keyFor: async (id) => {
      const found = keys.find((key) => isSameKeyId(keyIdOf(key), id));
      if (found !== undefined) return found.slice();
      throw new EngineRefusal('incompatible', 'the keys of a test do not have the one asked for');
    },
  };
}

export function fixedKey(first: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => first + index);
}
