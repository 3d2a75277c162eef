import {
  EngineRefusal,
  damaged,
  type BlockDamage,
  type BlockNumber,
  type EngineSession,
  type LedgerView,
  type ObservedContents,
} from '../contract/index.ts';
import { inspectRecord } from '../ledger/block-stamp.ts';
import { KnownStamps } from '../ledger/known-stamps.ts';

export interface ReadBack {
  readonly observed: ObservedContents;
  readonly damage: ReadonlyMap<BlockNumber, BlockDamage>;
  readonly values: Float64Array;
  readonly logDamage: ReadonlyMap<number, BlockDamage>;
}

/** Longest run of blocks read in one request. */
const runBlocksMax = 256;

/**
 * Reads every block that the ledger names, and the whole log where the engine has one. Only a
 * refusal is an answer; anything else an adapter throws is a crash of the engine and passes through.
 */
export async function readBack(session: EngineSession, ledger: LedgerView): Promise<ReadBack> {
  const volume = new VolumeReader(session, ledger);
  await volume.readAll();
  const log = await readLog(session, ledger);
  return {
    observed: { blocks: volume.blocks, log: log.ids },
    damage: volume.damage,
    values: volume.values,
    logDamage: log.damage,
  };
}

class VolumeReader {
  readonly blocks: Int32Array;
  readonly values: Float64Array;
  readonly damage = new Map<BlockNumber, BlockDamage>();
  readonly #session: EngineSession;
  readonly #ledger: LedgerView;

  constructor(session: EngineSession, ledger: LedgerView) {
    const blockCount = (ledger.blocks.at(-1) ?? -1) + 1;
    this.#session = session;
    this.#ledger = ledger;
    this.blocks = new Int32Array(blockCount);
    this.values = new Float64Array(blockCount).fill(NaN);
  }

  async readAll(): Promise<void> {
    const bytes = scratch(runBlocksMax * this.#session.space.blockBytes);
    for (const run of contiguousRuns(this.#ledger.blocks)) await this.#readRun(run, bytes);
  }

  /** One read for the run; where the engine refuses it, block by block, to learn which it can read. */
  async #readRun(run: BlockRun, bytes: Uint8Array): Promise<void> {
    const { blockBytes } = this.#session.space;
    const target = bytes.subarray(0, run.count * blockBytes);
    const refusal = await refusalOf(this.#session.read(run.first, target));
    if (refusal === undefined) {
      for (let index = 0; index < run.count; index++) {
        const start = index * blockBytes;
        this.#inspect(run.first + index, target.subarray(start, start + blockBytes));
      }
    } else if (run.count === 1) {
      this.#record(run.first, {
        kind: 'unreadable',
        reason: refusal.reason,
        message: refusal.message,
      });
    } else {
      for (let index = 0; index < run.count; index++) {
        await this.#readRun({ first: run.first + index, count: 1 }, bytes);
      }
    }
  }

  #inspect(block: BlockNumber, bytes: Uint8Array): void {
    const found = knownStamps.inspect(bytes, block, this.#ledger.seed);
    if ('kind' in found) {
      this.#record(block, found);
    } else {
      this.blocks[block] = found.op;
      this.values[block] = found.value;
    }
  }

  #record(block: BlockNumber, damage: BlockDamage): void {
    this.damage.set(block, damage);
    this.blocks[block] = damaged;
  }
}

/** Crash states of one round hold the same blocks over and over. */
const knownStamps = new KnownStamps();

let scratchBytes = new Uint8Array(0);

/** One buffer for all read-backs of this thread, which come one after another. */
function scratch(byteCount: number): Uint8Array {
  if (scratchBytes.length < byteCount) scratchBytes = new Uint8Array(byteCount);
  return scratchBytes;
}

async function refusalOf(read: Promise<void>): Promise<EngineRefusal | undefined> {
  try {
    await read;
    return undefined;
  } catch (error) {
    if (error instanceof EngineRefusal) return error;
    throw error;
  }
}

interface BlockRun {
  readonly first: BlockNumber;
  readonly count: number;
}

function contiguousRuns(blocks: readonly BlockNumber[]): BlockRun[] {
  const runs: { first: BlockNumber; count: number }[] = [];
  for (const block of blocks) {
    const last = runs.at(-1);
    const follows = last !== undefined && last.first + last.count === block;
    if (follows && last.count < runBlocksMax) last.count++;
    else runs.push({ first: block, count: 1 });
  }
  return runs;
}

interface LogContents {
  readonly ids: Int32Array;
  readonly damage: ReadonlyMap<number, BlockDamage>;
}

async function readLog(session: EngineSession, ledger: LedgerView): Promise<LogContents> {
  const ids: number[] = [];
  const damage = new Map<number, BlockDamage>();
  if (session.replay !== undefined && ledger.entries.some((entry) => entry.op.kind === 'append')) {
    for await (const record of session.replay()) {
      const found = inspectRecord(record, ledger.seed);
      if ('kind' in found) damage.set(ids.length, found);
      ids.push('kind' in found ? damaged : found.op);
    }
  }
  return { ids: Int32Array.from(ids), damage };
}
