/**
 * A ledger replayed over an in-memory file system that forgets nothing: what every name, length and byte
 * was after each operation, and what each acknowledged sync made durable. Made once per ledger, and
 * looked at by thousands of crash states.
 *
 * Operations that failed may have taken effect or not. Of a data operation the history of the file keeps
 * both; of a namespace operation both file systems are kept, as far as what was acknowledged later
 * allows both.
 */
import {
  HarnessError,
  type FileLedgerView,
  type LedgerPosition,
  type OpId,
} from '../../contract/index.ts';
import { Contradiction } from './namespace-history.ts';
import { changesNames, isLoose, Replay, type Timeline } from './replay-ledger.ts';

export interface FileModel {
  readonly ledger: FileLedgerView;
  readonly timelines: readonly Timeline[];
  /** The last operation that had been invoked by the position. */
  invokedBy(position: LedgerPosition): OpId;
}

const models = new WeakMap<FileLedgerView, Map<number, FileModel>>();

/** `unitBytes`: the contract's data atomicity; the finest that is told apart is a cell of 16 bytes. */
export function createFileModel(ledger: FileLedgerView, unitBytes = 4096): FileModel {
  const unit = Math.max(16, Math.floor(Math.min(unitBytes, 1 << 20) / 16) * 16);
  let byUnit = models.get(ledger);
  if (byUnit === undefined) {
    byUnit = new Map();
    models.set(ledger, byUnit);
  }
  let model = byUnit.get(unit);
  if (model === undefined) {
    model = replayAll(ledger, unit);
    byUnit.set(unit, model);
  }
  return model;
}

/** More failed operations on names than this cannot be told apart in reasonable time. */
const undecidedMax = 6;

function replayAll(ledger: FileLedgerView, unitBytes: number): FileModel {
  const undecided = ledger.entries.filter(
    (entry) => isLoose(ledger, entry) && changesNames(entry.op),
  );
  if (undecided.length > undecidedMax) {
    throw new HarnessError(
      'LIMIT_EXCEEDED',
      `${undecided.length} operations on names failed, and each may have taken effect; at most ${undecidedMax} can be judged`,
    );
  }
  const timelines: Timeline[] = [];
  for (let choice = 0; choice < 2 ** undecided.length; choice++) {
    const happened = new Set(undecided.filter((_, index) => (choice >> index) & 1));
    try {
      timelines.push(new Replay(ledger, unitBytes, happened).run());
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error;
    }
  }
  if (timelines.length === 0) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      'the file ledger cannot be trusted: an operation that was acknowledged cannot have succeeded',
    );
  }
  const invokedAt = Float64Array.from(ledger.entries, (entry) => entry.invokedAt);
  return { ledger, timelines, invokedBy: (position) => countUpTo(invokedAt, position) };
}

function countUpTo(ascending: Float64Array, position: LedgerPosition): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
