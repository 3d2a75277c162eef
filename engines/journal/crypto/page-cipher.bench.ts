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
      bench.add(`copy and open a page of ${pageBytes} bytes, ${aesGcm.name}`, () => {
        run.openAgain();
      });
      bench.add(`seal a batch of ${batchPages} pages of ${pageBytes} bytes, ${aesGcm.name}`, () => {
        for (let page = 0; page < batchPages; page++) run.sealNext();
      });
    }
  }
});

class BatchOfPages {
  readonly #cipher: PageCipher;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #pageBytes: number;
  /** A sealed page, to open again and again. */
  readonly #sealed: Uint8Array;
  #pageSeq = 0;

  constructor(cipher: PageCipher, pageBytes: number) {
    this.#cipher = cipher;
    this.#pageBytes = pageBytes;
    this.#bytes = new Uint8Array(batchPages * pageBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#sealed = this.#bytes.slice(0, pageBytes);
    cipher.sealBody(this.#sealed, 0);
  }

  sealNext(): void {
    this.#pageSeq++;
    const at = (this.#pageSeq % batchPages) * this.#pageBytes;
    this.#view.setUint32(at + 8, this.#pageSeq, true);
    this.#cipher.sealBody(this.#bytes, at);
  }

  openAgain(): void {
    this.#bytes.set(this.#sealed);
    if (!this.#cipher.openBody(this.#bytes, 0)) throw new Error('the page does not open');
  }
}
