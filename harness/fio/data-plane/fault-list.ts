import type { BlockFault } from '../contents/verify-blocks.ts';
import type { FioJob } from '../job.ts';
import type { FoundFault } from './job-result.ts';

/** So many are told of; the others are counted. */
const faultsKept = 100;

/** What verification has found wrong. */
export class FaultList {
  readonly #job: FioJob;
  readonly #kept: FoundFault[] = [];
  #count = 0;
  ops = 0;
  bytes = 0;

  constructor(job: FioJob) {
    this.#job = job;
  }

  get count(): number {
    return this.#count;
  }

  get kept(): readonly FoundFault[] {
    return this.#kept;
  }

  checked(byteCount: number, fileIndex: number, fault: BlockFault | undefined): void {
    this.ops++;
    this.bytes += byteCount;
    if (fault === undefined) return;
    this.#count++;
    const { path } = this.#job.extent.files[fileIndex]!;
    if (this.#kept.length < faultsKept) this.#kept.push({ ...fault, path });
  }
}
