import { z } from 'zod';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import { keyBytes } from './aes-gcm.ts';
import { readKeyFile } from './key-file.ts';
import { formatKeyId, isSameKeyId, keyIdOf, type KeyId, type KeyProvider } from './key-provider.ts';
import { looksLikeKey, parseKeys } from './key-text.ts';

/** Options end up in run directories and reports: a key has no business in them. */
const isNoKey = (text: string): boolean => !looksLikeKey(text);
const mistaken = 'looks like a key itself: expected the place of one, which is stored with a run';

/**
 * The place of the keys of a journal: a file or an environment variable, newest key first. The place
 * only: options are stored with every run, and a key must not be.
 */
export const keySource = z.union(
  [
    z.strictObject({
      /** 32 random bytes, or 64 hexadecimal digits per line; nobody but the owner has a right to it. */
      file: z.string().min(1).refine(isNoKey, mistaken),
    }),
    z.strictObject({
      /** The name of a variable with keys in hexadecimal or base64, separated by white space. */
      environment: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable')
        .refine(isNoKey, mistaken),
    }),
    z.strictObject({
      /** Protects nothing: the key follows from the number. For scenarios, which must be replayable. */
      insecureTestKey: z.int().min(0).max(255),
    }),
  ],
  'expected { file: path } or { environment: name }, the place of the keys and not a key',
);

export type KeySource = z.output<typeof keySource>;

/** Keys are read each time they are asked for: none is kept, and a file may be replaced. */
export function keyProviderOf(
  source: KeySource,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): KeyProvider {
  if ('file' in source) {
    return new ReadingKeyProvider(`the key file ${source.file}`, () => readKeyFile(source.file));
  }
  if ('insecureTestKey' in source) {
    const first = source.insecureTestKey;
    return new ReadingKeyProvider(`the insecure test key ${first}`, () => [testKey(first)]);
  }
  const name = source.environment;
  const description = `the environment variable ${name}`;
  return new ReadingKeyProvider(description, () => readVariable(name, environment[name]));
}

function testKey(first: number): Uint8Array {
  return Uint8Array.from({ length: keyBytes }, (_, index) => first + index);
}

function readVariable(name: string, value: string | undefined): Uint8Array[] {
  if (value !== undefined) return parseKeys(value, `the environment variable ${name}`);
  throw new EngineRefusal(
    'incompatible',
    `the environment variable ${name} is not set: expected the key of the journal in it, as openssl rand -hex 32 prints`,
  );
}

/** Hands out one of the keys that `read` answers, newest first, and overwrites the others. */
class ReadingKeyProvider implements KeyProvider {
  readonly description: string;
  readonly #read: () => readonly Uint8Array[];

  constructor(description: string, read: () => readonly Uint8Array[]) {
    this.description = description;
    this.#read = read;
  }

  async newestKeyId(): Promise<KeyId> {
    const keys = this.#read();
    const id = keyIdOf(keys[0]!);
    overwrite(keys);
    return id;
  }

  async keyFor(id: KeyId): Promise<Uint8Array> {
    const keys = this.#read();
    const found = keys.find((key) => isSameKeyId(keyIdOf(key), id));
    const held = keys.map((key) => formatKeyId(keyIdOf(key)));
    overwrite(keys.filter((key) => key !== found));
    if (found !== undefined) return found;
    throw new EngineRefusal(
      'incompatible',
      `the journal is sealed with key ${formatKeyId(id)}, and ${this.description} has ${held.join(', ')}: expected the key that it was sealed with, which a newer one does not replace but may stand before`,
    );
  }
}

function overwrite(keys: readonly Uint8Array[]): void {
  for (const key of keys) key.fill(0);
}
