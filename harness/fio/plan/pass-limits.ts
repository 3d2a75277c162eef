import { directionsOf, type FioJob } from '../job.ts';

/** Counts what has been issued, and says when a pass ends and whether another one follows. */
export class PassLimits {
  /** Whether sequential operations begin anew within a pass. */
  readonly wrapsAround: boolean;
  readonly #isTimeBased: boolean;
  readonly #isVerified: boolean;
  /** Transfers that count towards the limit: of `trimwrite` only the writes. */
  readonly #countsKind: readonly boolean[];
  /** Bytes and operations of the whole job. */
  readonly #bytesMax: number;
  readonly #opsMax: number;
  readonly #passBytesMax: number;
  readonly #onceBytes: number;
  readonly #hasIoBytes: boolean;
  readonly #blockBytesMax: number;
  #loopsLeft: number;
  #countedBytes = 0;
  #allBytes = 0;
  #passBytes = 0;
  #ops = 0;

  constructor(job: FioJob) {
    const { pattern, extent, verify } = job;
    const used = directionsOf(pattern.access);
    const isPair = pattern.access === 'trimwrite';
    this.#isTimeBased = extent.isTimeBased;
    this.#isVerified = verify.kind !== 'none';
    this.#countsKind = [
      used.includes('read'),
      used.includes('write'),
      used.includes('trim') && !isPair,
    ];
    this.#onceBytes = extent.ioBytes ?? extent.sizeBytes;
    this.#hasIoBytes = extent.ioBytes !== null;
    this.#bytesMax = this.#onceBytes * extent.loops;
    this.#opsMax =
      extent.opsMax === null ? Infinity : extent.opsMax * extent.loops * (isPair ? 2 : 1);
    this.#passBytesMax = passBytesOf(job);
    this.#loopsLeft = extent.loops;
    this.#blockBytesMax = Math.max(...used.map((direction) => pattern.blocks[direction].maxBytes));
    const isLongMix =
      pattern.access === 'rw' && extent.ioBytes !== null && extent.ioBytes > extent.sizeBytes;
    this.wrapsAround = isLongMix || (extent.isTimeBased && extent.files.length === 1);
  }

  get opsIssued(): number {
    return this.#ops;
  }

  beginPass(): void {
    this.#passBytes = 0;
    if (this.#loopsLeft > 0) this.#loopsLeft--;
  }

  issued(kind: 0 | 1 | 2, byteCount: number): void {
    this.#ops++;
    this.#allBytes += byteCount;
    this.#passBytes += byteCount;
    if (this.#countsKind[kind]!) this.#countedBytes += byteCount;
  }

  isPassOver(): boolean {
    if (this.#isTimeBased) return this.#isVerified && this.#passBytes >= this.#passBytesMax;
    return (
      this.#countedBytes >= this.#bytesMax ||
      this.#ops >= this.#opsMax ||
      this.#passBytes >= this.#passBytesMax
    );
  }

  /** For `io_size` there are as many passes as it takes; fio stops where less than a block is missing. */
  hasAnotherPass(): boolean {
    if (this.#isTimeBased) return true;
    if (this.#ops >= this.#opsMax) return false;
    if (this.#loopsLeft > 0) return true;
    return this.#hasIoBytes && this.#onceBytes - this.#allBytes >= this.#blockBytesMax;
  }
}

/** Most bytes of one pass. Without a random map there is no need to stop at the region's size. */
function passBytesOf({ pattern, extent, verify }: FioJob): number {
  const { sizeBytes, ioBytes } = extent;
  if (pattern.access === 'trimwrite') return 2 * sizeBytes;
  const isFree = pattern.isRandom && !pattern.hasRandomMap;
  const isLongMix = pattern.access === 'rw' && !pattern.isRandom && verify.kind === 'none';
  return isFree || isLongMix ? Math.max(sizeBytes, ioBytes ?? 0) : sizeBytes;
}
