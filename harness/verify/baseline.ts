import {
  damaged,
  type BlockNumber,
  type LedgerPosition,
  type LedgerView,
  type OpId,
} from '../contract/index.ts';

/**
 * What a recovery served (JOURNAL-ENGINE I2): from then on, what was seen stays until a newer
 * operation overwrites it, and what was not seen never comes back.
 */
export class Baseline {
  /** Operations invoked after this position are newer than the baseline. */
  readonly at: LedgerPosition;
  readonly log: Int32Array;
  /** Whether every record of the log was whole, so that one that is not in it is known to be gone. */
  readonly isLogKnown: boolean;
  readonly #blocks: Int32Array;
  #placesInLog: ReadonlyMap<OpId, number> | undefined;

  constructor(at: LedgerPosition, blocks: Int32Array, log: Int32Array) {
    this.at = at;
    this.log = log;
    this.isLogKnown = !log.includes(damaged);
    this.#blocks = blocks;
  }

  /**
   * What the block held: an operation, `initialContents`, or undefined where it was not whole or not
   * read, so that nothing is known and the rules of before the recovery stay in force.
   */
  blockAt(block: BlockNumber): OpId | undefined {
    const seen = this.#blocks[block];
    return seen === damaged ? undefined : seen;
  }

  placeInLog(op: OpId): number | undefined {
    this.#placesInLog ??= new Map([...this.log].map((id, place) => [id, place]));
    return this.#placesInLog.get(op);
  }
}

export function indexBaselines(ledger: LedgerView): Baseline[] {
  return ledger.marks.flatMap(({ at, mark }) =>
    mark.kind === 'recovered' ? [new Baseline(at, mark.observed.blocks, mark.observed.log)] : [],
  );
}
