import { microBenchmark } from '../../../harness/measure/benchmark.ts';
import { chooseAesGcm, type AesGcmChoice } from './choose-aes-gcm.ts';
import { createNodeAesGcm } from './node-aes-gcm.ts';
import { createPageCipher, type PageCipher } from './page-cipher.ts';

/** A batch in one buffer, as the journal seals it. */
const batchPages = 64;
const node: AesGcmChoice = { name: 'node', create: createNodeAesGcm };

export default microBenchmark('page cipher, AES-256-GCM', (bench) => {
  for (const pageBytes of [4096, 16384]) {
    for (const aesGcm of [chooseAesGcm(), node]) {
      const shape = { pageBytes, bodyOffset: 64 };
      const cipher = createPageCipher({ key: new Uint8Array(32), area: 1, shape }, aesGcm);
      const run = new BatchOfPages(cipher, pageBytes);
      bench.add(`seal a page of ${pageBytes} bytes, ${aesGcm.name}`, () => {
        run.sealNext();
      });
      bench.add(`open a page of ${pageBytes} bytes, ${aesGcm.name}`, () => {
        run.openLast();
      });
      bench.add(`seal a batch of ${batchPages} pages of ${pageBytes} bytes, ${aesGcm.name}`, () => {
        for (let page = 0; page < batchPages; page++) run.sealNext();
      });
    }
  }
});

class BatchOfPages {
  readonly #cipher: PageCipher;
  readonly #pageBytes: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #pageSeq = 0;

  constructor(cipher: PageCipher, pageBytes: number) {
    this.#cipher = cipher;
    this.#pageBytes = pageBytes;
    this.#bytes = new Uint8Array(batchPages * pageBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  sealNext(): void {
    this.#pageSeq++;
    const at = this.#lastAt();
    this.#view.setUint32(at + 8, this.#pageSeq % 2 ** 32, true);
    this.#view.setUint32(at + 12, Math.floor(this.#pageSeq / 2 ** 32), true);
    this.#cipher.sealBody(this.#bytes, at);
  }

  /** Sealed text decrypts to something else, and that back: the tag never fits, which costs a little. */
  openLast(): void {
    this.#cipher.openBody(this.#bytes, this.#lastAt());
  }

  #lastAt(): number {
    return (this.#pageSeq % batchPages) * this.#pageBytes;
  }
}
