import {
  changesOf,
  type BlockNumber,
  type LedgerEntry,
  type LedgerPosition,
  type LedgerView,
  type PlacedMark,
} from '../contract/index.ts';

const noEntries: readonly LedgerEntry[] = [];

/** A ledger as it stood; the index by block is made when first asked for. */
export class LedgerSnapshot implements LedgerView {
  readonly seed: number;
  readonly end: LedgerPosition;
  readonly entries: readonly LedgerEntry[];
  readonly marks: readonly PlacedMark[];
  #byBlock: Map<BlockNumber, LedgerEntry[]> | undefined;
  #blocks: readonly BlockNumber[] | undefined;

  constructor(
    seed: number,
    end: LedgerPosition,
    entries: readonly LedgerEntry[],
    marks: readonly PlacedMark[],
  ) {
    this.seed = seed;
    this.end = end;
    this.entries = entries;
    this.marks = marks;
  }

  entriesOf(block: BlockNumber): readonly LedgerEntry[] {
    return this.#index().get(block) ?? noEntries;
  }

  get blocks(): readonly BlockNumber[] {
    this.#blocks ??= [...this.#index().keys()].sort((a, b) => a - b);
    return this.#blocks;
  }

  #index(): Map<BlockNumber, LedgerEntry[]> {
    this.#byBlock ??= indexByBlock(this.entries);
    return this.#byBlock;
  }
}

function indexByBlock(entries: readonly LedgerEntry[]): Map<BlockNumber, LedgerEntry[]> {
  const byBlock = new Map<BlockNumber, LedgerEntry[]>();
  for (const entry of entries) {
    for (const { block } of changesOf(entry.op)) {
      const list = byBlock.get(block);
      if (list === undefined) byBlock.set(block, [entry]);
      else if (list.at(-1) !== entry) list.push(entry);
    }
  }
  return byBlock;
}
