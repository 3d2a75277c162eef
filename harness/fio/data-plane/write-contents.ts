import { createRandom } from '../../contract/index.ts';
import { createBufferFiller, type BufferFiller } from '../contents/buffer-filler.ts';
import {
  createBlockVerifier,
  type BlockFault,
  type BlockVerifier,
} from '../contents/verify-blocks.ts';
import { writesSomething, type FioJob } from '../job.ts';

/** Reused for each write and each check, so that none is made per operation. */
interface Place {
  byteOffset: number;
  writeNumber: number;
}

/** What is written, and how what is read is checked. */
export class Contents {
  /** Whether a buffer must be touched before each write. */
  readonly isPreparedPerWrite: boolean;
  /** Whether that takes so long that an operation must not be said to begin before it. */
  readonly isCostly: boolean;
  readonly #filler: BufferFiller | undefined;
  readonly #verifier: BlockVerifier | undefined;
  readonly #intervalBytes: number;
  readonly #place: Place = { byteOffset: 0, writeNumber: 0 };

  constructor(job: FioJob, seed: number) {
    const { contents, verify } = job;
    this.#verifier = createBlockVerifier(job, seed);
    this.#intervalBytes = verify.intervalBytes;
    // A stamp fills its whole block, and so does a pattern.
    const fillsItself = verify.kind === 'stamp' || verify.kind === 'pattern';
    const isFilled = writesSomething(job) && !fillsItself;
    this.#filler = isFilled
      ? createBufferFiller(contents, createRandom(seed).fork(`fio contents:${job.threadNumber}`))
      : undefined;
    this.isPreparedPerWrite =
      writesSomething(job) &&
      (this.#verifier !== undefined || contents.isRefilled || contents.isScrambled);
    this.isCostly = this.#verifier !== undefined || contents.isRefilled;
  }

  get isVerified(): boolean {
    return this.#verifier !== undefined;
  }

  /** Fills a buffer for the first time, before the clock runs. */
  prefill(buffer: Uint8Array): void {
    this.#filler?.fill(buffer, 0);
  }

  /** Of a buffer that has been filled before. */
  prepare(target: Uint8Array, byteOffset: number, writeNumber: number): void {
    this.#filler?.change(target, byteOffset, writeNumber);
    if (this.#verifier === undefined) return;
    this.#place.byteOffset = byteOffset;
    this.#place.writeNumber = writeNumber;
    this.#verifier.seal(target, this.#place);
  }

  check(bytes: Uint8Array, byteOffset: number, writeNumber: number): BlockFault | undefined {
    this.#place.byteOffset = byteOffset;
    this.#place.writeNumber = writeNumber;
    return this.#verifier?.check(bytes, this.#place);
  }

  /**
   * Checks what this run has not written, so that which write it was is not known: any whole write of
   * that place will do. Only whole intervals can be checked.
   */
  checkAnyWrite(bytes: Uint8Array, byteOffset: number): BlockFault | undefined {
    const step = this.#intervalBytes === 0 ? bytes.length : this.#intervalBytes;
    for (let begin = 0; begin + step <= bytes.length; begin += step) {
      const fault = this.check(bytes.subarray(begin, begin + step), byteOffset + begin, 0);
      if (fault !== undefined && fault.kind !== 'stale') return fault;
    }
    return undefined;
  }
}
