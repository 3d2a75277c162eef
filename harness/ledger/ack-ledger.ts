import assert from 'node:assert/strict';
import type {
  AckLedger,
  Epoch,
  LedgerEntry,
  LedgerMark,
  LedgerPosition,
  LedgerView,
  Nanoseconds,
  Op,
  OpId,
  Outcome,
  PlacedMark,
} from '../contract/index.ts';
import { LedgerSnapshot } from './ledger-snapshot.ts';

export interface LedgerOptions {
  readonly seed: number;
  /**
   * Called once per record, after it is in the ledger, with its position: the run puts a mark into
   * the drive history there, which ties the two orders together.
   */
  onRecord?(position: LedgerPosition): void;
}

export function createLedger(options: LedgerOptions): AckLedger {
  return new MemoryLedger(options, { end: 0, entries: [], marks: [] });
}

/**
 * A ledger that holds exactly the records up to a position and can be continued from there: a crash
 * at that position, and what came after it. `onRecord` is called for new records only. The source is
 * left as it is.
 */
export function ledgerUpTo(
  source: AckLedger | LedgerView,
  position: LedgerPosition,
  onRecord?: (position: LedgerPosition) => void,
): AckLedger {
  const view = 'view' in source ? source.view() : source;
  assert(Number.isInteger(position), `a ledger position is a whole number, not ${position}`);
  assert(position <= view.end, `position ${position} is past the end of the ledger (${view.end})`);
  const options = { seed: view.seed, ...(onRecord === undefined ? {} : { onRecord }) };
  return new MemoryLedger(options, {
    end: position,
    entries: view.entries.filter((entry) => entry.invokedAt <= position).map(asOf(position)),
    marks: view.marks.filter((placed) => placed.at <= position),
  });
}

function asOf(position: LedgerPosition): (entry: LedgerEntry) => LedgerEntry {
  return (entry) => (entry.settledAt <= position ? entry : { ...entry, ...unsettled });
}

const unsettled = {
  settledAt: Infinity,
  settledNs: Infinity,
  outcome: { status: 'indeterminate', reason: 'it never settled' },
} as const satisfies Partial<LedgerEntry>;

interface LedgerRecords {
  end: LedgerPosition;
  readonly entries: LedgerEntry[];
  readonly marks: PlacedMark[];
}

class MemoryLedger implements AckLedger {
  readonly #options: LedgerOptions;
  readonly #records: LedgerRecords;
  #epoch: Epoch;
  #view: LedgerView | undefined;

  constructor(options: LedgerOptions, records: LedgerRecords) {
    this.#options = options;
    this.#records = records;
    this.#epoch = 1 + records.marks.filter(({ mark }) => mark.kind === 'recovered').length;
  }

  invoke(op: Op, writer: number, atNs: Nanoseconds): OpId {
    const { entries } = this.#records;
    const id = entries.length + 1;
    const invokedAt = this.#nextPosition();
    entries.push({ id, epoch: this.#epoch, writer, op, invokedAt, invokedNs: atNs, ...unsettled });
    this.#recorded();
    return id;
  }

  settle(id: OpId, outcome: Outcome, atNs: Nanoseconds): void {
    const { entries } = this.#records;
    const entry = entries[id - 1];
    assert(entry !== undefined, `operation ${id} was never invoked`);
    assert(entry.settledAt === Infinity, `operation ${id} settled before`);
    // A new object: views taken before must not change.
    entries[id - 1] = { ...entry, settledAt: this.#nextPosition(), outcome, settledNs: atNs };
    this.#recorded();
  }

  mark(mark: LedgerMark): void {
    if (mark.kind === 'recovered') this.#epoch++;
    this.#records.marks.push({ at: this.#nextPosition(), mark });
    this.#recorded();
  }

  view(): LedgerView {
    const { end, entries, marks } = this.#records;
    this.#view ??= new LedgerSnapshot(this.#options.seed, end, entries.slice(), marks.slice());
    return this.#view;
  }

  #nextPosition(): LedgerPosition {
    return ++this.#records.end;
  }

  #recorded(): void {
    this.#view = undefined;
    this.#options.onRecord?.(this.#records.end);
  }
}
