import { EngineRefusal } from '../../../harness/contract/index.ts';
import { pageFlags, pageRunOf, readPageHeader, type PageCodec } from '../format/page.ts';
import { epochStartOf } from '../recovery/epoch-start.ts';
import type { ToolKeys } from './tool-keys.ts';

/**
 * Makes the body of a whole page readable, in place: puts back the words that the stamps displaced and
 * decrypts it. Answers why that cannot be done, where it cannot.
 */
export class PageOpener {
  readonly #codec: PageCodec;
  readonly #keys: ToolKeys;

  constructor(codec: PageCodec, keys: ToolKeys) {
    this.#codec = codec;
    this.#keys = keys;
  }

  open(bytes: Uint8Array): string | undefined {
    const page = pageRunOf(bytes);
    const { flags, pageSeq, epoch } = readPageHeader(page.view, 0);
    const start = epochStartOf(page, 0, this.#codec);
    this.#codec.unstamp(page, 0);
    const keys = this.#keys;
    if (typeof keys !== 'string' && start !== undefined) keys.noteSalt(start.epoch, start.salt);
    if ((flags & pageFlags.encrypted) === 0) return undefined;
    if (typeof keys === 'string') return 'encrypted: without its key only the envelope can be read';
    try {
      keys.open(this.#codec, bytes, 0, pageSeq, epoch);
      return undefined;
    } catch (error) {
      if (error instanceof EngineRefusal) return error.message;
      throw error;
    }
  }
}
