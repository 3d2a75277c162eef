import {
  EngineRefusal,
  type BlockNumber,
  type EngineCounters,
  type EngineFacts,
  type EngineSession,
  type Op,
  type Outcome,
  type RecoverySummary,
  type VolumeSpace,
} from '../../harness/contract/index.ts';
import { OutcomeUnknown } from './errors.ts';
import { blockBytes } from './format/layout.ts';
import type { Journal } from './journal.ts';

/** The type that the golden vector of the record format calls Put, required of every reader. */
const putType = 0x8001;

/** The journal as the harness drives it. */
export class JournalSession implements EngineSession {
  readonly space: VolumeSpace;
  readonly recovery: RecoverySummary;
  readonly #journal: Journal;

  constructor(journal: Journal, tookNs: number) {
    this.#journal = journal;
    this.space = { blockBytes, blockCount: journal.blockCount };
    const { recordsReplayed, blocksWritten, note } = journal.recovery;
    this.recovery = { recordsReplayed, blocksWritten, tookNs, note };
  }

  async submit(op: Op, payload: Uint8Array): Promise<Outcome> {
    try {
      await this.#run(op, payload);
      return { status: 'acknowledged' };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  read(block: BlockNumber, target: Uint8Array): Promise<void> {
    return this.#journal.read(block, target);
  }

  async *replay(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const { payload } of this.#journal.replay()) yield payload;
  }

  counters(): EngineCounters {
    return this.#journal.counters();
  }

  facts(): EngineFacts {
    return this.#journal.facts();
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#journal[Symbol.asyncDispose]();
  }

  #run(op: Op, payload: Uint8Array): Promise<unknown> {
    switch (op.kind) {
      case 'write':
        return this.#journal.write(op.block, payload);
      case 'transaction':
        return this.#journal.transaction(
          op.changes.map(({ block }, index) => ({
            block,
            data: payload.subarray(index * blockBytes, (index + 1) * blockBytes),
          })),
        );
      case 'flush':
        return this.#journal.flush();
      case 'append':
        return this.#journal.append(putType, 0, 0, payload);
    }
  }
}

/** Before an LSN was given out nothing of the operation can be on the medium; afterwards it may. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof OutcomeUnknown) return { status: 'indeterminate', reason: error.message };
  if (error instanceof EngineRefusal || error instanceof RangeError) {
    return { status: 'rejected', reason: error.message };
  }
  throw error;
}
