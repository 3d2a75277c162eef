import type { FioFile } from '../job.ts';

/** Where a job stands in one file; the arrays have one entry per direction, as `transferNumber` has them. */
export class FileCursor {
  /** The region: where it begins, how long it is, and how long the file is. */
  readonly beginByte: number;
  readonly regionBytes: number;
  readonly fileBytes: number;
  /** Where the last operation ended, and where it began; -1 before the first. */
  readonly lastEnd = new Float64Array(3);
  readonly lastBegin = new Float64Array(3);

  constructor({ byteOffset, byteCount, fileBytes }: FioFile) {
    this.beginByte = byteOffset;
    this.regionBytes = byteCount;
    this.fileBytes = fileBytes;
    this.restart();
  }

  restart(): void {
    this.lastEnd.fill(this.beginByte);
    this.lastBegin.fill(-1);
  }

  get endByte(): number {
    return this.beginByte + this.regionBytes;
  }

  /** Blocks of `alignBytes` that an operation of `minBytes` can begin at. */
  blockCount(alignBytes: number, minBytes: number): number {
    const bytes = Math.min(this.regionBytes, this.fileBytes);
    const usable = minBytes > alignBytes ? bytes - (minBytes - alignBytes) : bytes;
    return Math.max(0, Math.floor(usable / alignBytes));
  }
}
