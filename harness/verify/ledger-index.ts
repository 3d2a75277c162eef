/**
 * A ledger made ready for judging thousands of crash states: per block, and for the log, which
 * operations must be there at a position and until when each could still take effect. Made once per
 * ledger and contract.
 *
 * Operations are intervals of ledger positions. One that was acknowledged took effect between its
 * invocation and its settlement. One that failed, or never settled, may take effect at any moment
 * until power is cut, and never after it. An acknowledgement that came after a cut is void.
 */
import {
  changesOf,
  type BlockNumber,
  type DurabilityContract,
  type LedgerEntry,
  type LedgerPosition,
  type LedgerView,
  type OpId,
} from '../contract/index.ts';
import { indexBaselines, type Baseline } from './baseline.ts';

export class LedgerIndex {
  readonly ledger: LedgerView;
  readonly blocks: readonly BlockHistory[];
  readonly appends: History;
  /** Acknowledged operations of every kind, by the position of their acknowledgement. */
  readonly acknowledged: Deadlines;
  /** The last position at which an operation could take effect, by its id. */
  readonly effectiveUntil: Float64Array;
  /** From which position an operation is owed, by its id; Infinity where it never is. */
  readonly owedFrom: Float64Array;
  readonly #baselines: readonly Baseline[];
  readonly #isAcknowledged: Uint8Array;
  readonly #byBlock: ReadonlyMap<BlockNumber, BlockHistory>;
  readonly #marked: Int32Array;
  #round = 0;

  constructor(ledger: LedgerView, durableWhen: DurabilityContract['durableWhen']) {
    const crashes = ledger.marks.filter(({ mark }) => mark.kind !== 'fault').map(({ at }) => at);
    this.ledger = ledger;
    this.effectiveUntil = new Float64Array(ledger.entries.length + 1);
    this.#isAcknowledged = new Uint8Array(ledger.entries.length + 1);
    for (const entry of ledger.entries) this.#classify(entry, crashes);
    const acknowledged = ledger.entries.filter((entry) => this.#isAcknowledged[entry.id] === 1);
    const promised =
      durableWhen === 'flushed'
        ? flushedFrom(acknowledged, crashes)
        : (entry: LedgerEntry) => entry.settledAt;
    this.owedFrom = new Float64Array(ledger.entries.length + 1).fill(Infinity);
    for (const entry of acknowledged) this.owedFrom[entry.id] = promised(entry);
    this.acknowledged = deadlines(acknowledged, (entry) => entry.settledAt);
    this.appends = historyOf(
      acknowledged.filter((entry) => entry.op.kind === 'append'),
      promised,
    );
    this.blocks = ledger.blocks.map((block) => ({
      block,
      firstInvokedAt: ledger.entriesOf(block)[0]!.invokedAt,
      ...historyOf(
        ledger.entriesOf(block).filter((entry) => this.#isAcknowledged[entry.id] === 1),
        promised,
      ),
    }));
    this.#byBlock = new Map(this.blocks.map((history) => [history.block, history]));
    this.#baselines = indexBaselines(ledger);
    this.#marked = new Int32Array(ledger.entries.length + 1);
  }

  /** The entry of an id that was read back, or undefined where the ledger has no such operation. */
  entry(op: OpId): LedgerEntry | undefined {
    return this.ledger.entries[op - 1];
  }

  block(block: BlockNumber): BlockHistory | undefined {
    return this.#byBlock.get(block);
  }

  /** Whether the operation was acknowledged by then, and not only after power was cut. */
  isAcknowledgedBy(entry: LedgerEntry, position: LedgerPosition): boolean {
    return this.#isAcknowledged[entry.id] === 1 && entry.settledAt <= position;
  }

  /** Whether the engine had promised by then that the operation has no effect. */
  isRejectedBy(entry: LedgerEntry, position: LedgerPosition): boolean {
    return (
      entry.outcome.status === 'rejected' &&
      entry.settledAt <= position &&
      entry.settledAt <= this.effectiveUntil[entry.id]!
    );
  }

  /** What the last recovery by then served; undefined before the first. */
  baselineAt(position: LedgerPosition): Baseline | undefined {
    for (let index = this.#baselines.length - 1; index >= 0; index--) {
      if (this.#baselines[index]!.at <= position) return this.#baselines[index];
    }
    return undefined;
  }

  /** A fresh set of operations, valid until the next is asked for: no allocation per crash state. */
  newOpSet(): OpSet {
    return new OpSet(this.#marked, ++this.#round);
  }

  #classify(entry: LedgerEntry, crashes: readonly LedgerPosition[]): void {
    const cut = crashes.find((at) => at > entry.invokedAt) ?? Infinity;
    const isAcknowledged = entry.outcome.status === 'acknowledged' && entry.settledAt < cut;
    this.#isAcknowledged[entry.id] = isAcknowledged ? 1 : 0;
    this.effectiveUntil[entry.id] = isAcknowledged ? entry.settledAt : cut;
  }
}

export class OpSet {
  readonly #marked: Int32Array;
  readonly #round: number;

  constructor(marked: Int32Array, round: number) {
    this.#marked = marked;
    this.#round = round;
  }

  has(op: OpId): boolean {
    return this.#marked[op] === this.#round;
  }

  /** Answers whether it was new. */
  add(op: OpId): boolean {
    if (this.has(op)) return false;
    this.#marked[op] = this.#round;
    return true;
  }
}

/** Operations by the position from which they are owed. */
export interface Deadlines {
  readonly entries: readonly LedgerEntry[];
  /** Ascending. */
  readonly from: Float64Array;
  /** The latest invocation among the entries up to and including this one. */
  readonly latestInvokedAt: Float64Array;
}

interface History {
  /** What must be there under the contract's `durableWhen`. */
  readonly owed: Deadlines;
  /** What was acknowledged, durable or not: what `prefix` ordering speaks of. */
  readonly acknowledged: Deadlines;
}

export interface BlockHistory extends History {
  readonly block: BlockNumber;
  readonly firstInvokedAt: LedgerPosition;
}

/** How many operations are owed at the position. */
export function countBy(deadlines: Deadlines, position: LedgerPosition): number {
  const { from } = deadlines;
  let low = 0;
  let high = from.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (from[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** When the last invoked of the operations owed at the position was invoked; 0 where none is owed. */
export function latestInvocationBy(deadlines: Deadlines, position: LedgerPosition): LedgerPosition {
  const count = countBy(deadlines, position);
  return count === 0 ? 0 : deadlines.latestInvokedAt[count - 1]!;
}

/** The operations owed at the position that were invoked after `after`, in the order of `from`. */
export function owedAfter(
  deadlines: Deadlines,
  position: LedgerPosition,
  after: LedgerPosition,
): LedgerEntry[] {
  return deadlines.entries
    .slice(0, countBy(deadlines, position))
    .filter((entry) => entry.invokedAt > after);
}

export function changesBlock(entry: LedgerEntry, block: BlockNumber): boolean {
  const { op } = entry;
  if (op.kind === 'write') return block >= op.block && block < op.block + op.blockCount;
  return changesOf(op).some((change) => change.block === block);
}

type OwedFrom = (entry: LedgerEntry) => LedgerPosition;

function historyOf(acknowledged: readonly LedgerEntry[], owedFrom: OwedFrom): History {
  return {
    owed: deadlines(
      acknowledged.filter((entry) => owedFrom(entry) !== Infinity),
      owedFrom,
    ),
    acknowledged: deadlines(acknowledged, (entry) => entry.settledAt),
  };
}

function deadlines(entries: readonly LedgerEntry[], from: OwedFrom): Deadlines {
  const sorted = entries
    .map((entry) => ({ entry, from: from(entry) }))
    .sort((a, b) => a.from - b.from || a.entry.settledAt - b.entry.settledAt);
  const latestInvokedAt = new Float64Array(sorted.length);
  let latest = 0;
  for (const [index, { entry }] of sorted.entries()) {
    latest = Math.max(latest, entry.invokedAt);
    latestInvokedAt[index] = latest;
  }
  return {
    entries: sorted.map(({ entry }) => entry),
    from: Float64Array.from(sorted, (item) => item.from),
    latestInvokedAt,
  };
}

/**
 * An operation is durable from the first acknowledgement of a flush that was invoked after the
 * operation was acknowledged, before any cut.
 */
function flushedFrom(
  acknowledged: readonly LedgerEntry[],
  crashes: readonly LedgerPosition[],
): OwedFrom {
  const flushes = acknowledged
    .filter((entry) => entry.op.kind === 'flush')
    .sort((a, b) => a.invokedAt - b.invokedAt);
  const soonest = new Float64Array(flushes.length);
  let sooner = Infinity;
  for (let index = flushes.length - 1; index >= 0; index--) {
    sooner = Math.min(sooner, flushes[index]!.settledAt);
    soonest[index] = sooner;
  }
  return ({ settledAt }) => {
    const index = firstAfter(flushes, settledAt);
    const durableAt = soonest[index] ?? Infinity;
    const cut = crashes.find((at) => at > settledAt) ?? Infinity;
    return durableAt < cut ? durableAt : Infinity;
  };
}

/** Index of the first flush invoked after the position. */
function firstAfter(flushes: readonly LedgerEntry[], position: LedgerPosition): number {
  let low = 0;
  let high = flushes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (flushes[middle]!.invokedAt > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

const indexes = new WeakMap<LedgerView, Map<DurabilityContract['durableWhen'], LedgerIndex>>();

export function indexOf(ledger: LedgerView, contract: DurabilityContract): LedgerIndex {
  let byContract = indexes.get(ledger);
  if (byContract === undefined) {
    byContract = new Map();
    indexes.set(ledger, byContract);
  }
  let index = byContract.get(contract.durableWhen);
  if (index === undefined) {
    index = new LedgerIndex(ledger, contract.durableWhen);
    byContract.set(contract.durableWhen, index);
  }
  return index;
}
