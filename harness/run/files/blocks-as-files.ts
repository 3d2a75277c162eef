import type {
  FileOp,
  FileWorkload,
  FileWorkloadRun,
  Op,
  OpId,
  OpKind,
  Outcome,
  Workload,
  WorkloadRun,
} from '../../contract/index.ts';

/** The volume's blocks, as databases use files: one page each. */
const blockBytes = 4096;

/** The file that stands for the volume. */
const volume = 'volume';

/** What a file can do of what a volume can: a file system has no transactions over blocks. */
export const fileOpKinds: readonly OpKind[] = ['write', 'flush'];

/**
 * A workload of blocks on a file system: its volume is a file that is made and synced first, a write
 * is a write of that file, and a flush an fsync. Operations come one after the other.
 */
export function blocksAsFiles(workload: Workload): FileWorkload {
  return {
    kind: 'workload',
    apiVersion: workload.apiVersion,
    name: workload.name,
    summary: workload.summary,
    medium: 'files',
    options: workload.options,
    start: ({ opsMax, random, bytesMax }, options) => {
      const space = { blockBytes, blockCount: Math.floor(bytesMax / blockBytes) };
      const run = workload.start({ space, opsMax, queueDepth: 1, random }, options);
      return new VolumeFile(run, space.blockCount * blockBytes);
    },
  };
}

class VolumeFile implements FileWorkloadRun {
  readonly #run: WorkloadRun;
  readonly #preparation: FileOp[];
  #op: Op | undefined;

  constructor(run: WorkloadRun, byteCount: number) {
    this.#run = run;
    this.#preparation = [
      { kind: 'create', path: volume },
      { kind: 'allocate', path: volume, byteOffset: 0, byteCount, keepSize: false },
      { kind: 'fsync', path: volume },
      { kind: 'fsync', path: '' },
    ];
  }

  next(): FileOp | undefined {
    const prepared = this.#preparation.shift();
    if (prepared !== undefined) return prepared;
    const op = this.#run.next();
    // With nothing in flight there is nothing to wait for: such a workload has come to its end.
    if (op === undefined || op === 'wait') return undefined;
    this.#op = op;
    return asFileOp(op);
  }

  settled(id: OpId, _op: FileOp, outcome: Parameters<FileWorkloadRun['settled']>[2]): void {
    if (this.#op === undefined) return;
    this.#run.settled(id, this.#op, asOutcome(outcome));
  }
}

function asFileOp(op: Op): FileOp {
  switch (op.kind) {
    case 'write':
      return {
        kind: 'write',
        path: volume,
        byteOffset: op.block * blockBytes,
        byteCount: op.blockCount * blockBytes,
      };
    case 'flush':
      return { kind: 'fsync', path: volume };
    case 'transaction':
    case 'append':
      throw new TypeError(`a file cannot do ${op.kind}`);
  }
}

function asOutcome(outcome: Parameters<FileWorkloadRun['settled']>[2]): Outcome {
  if (outcome.status === 'acknowledged') return outcome;
  return { status: 'indeterminate', reason: outcome.errno };
}
