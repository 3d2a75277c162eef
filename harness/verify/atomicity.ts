/**
 * An operation of several blocks that is all-or-nothing (a transaction always; a write where the
 * contract's atomic unit is the operation) must have happened whole or not at all: there must be one
 * order of the operations, allowed by real time, that leaves every block as it was read.
 *
 * If such an operation P shows in one block, then in each of its other blocks the version shown must
 * have come after P. That fails at once where the version is older than P can be. Else it puts P
 * before the operation shown there, and the method is the usual one for interval orders: give every
 * operation that can be seen the earliest moment at which it can have taken effect (its own
 * invocation, the invocation of whatever it overwrote, the moment of whatever must come before it),
 * and convict where that is later than the last moment at which it could, or where two operations
 * must each come before the other. A block legally overwritten by a later operation says nothing.
 *
 * Damaged blocks are left out: acknowledged-writes.ts says what is wrong with them. So are blocks that
 * may show anything, and operations older than the last recovery: how it left them was judged when it was made.
 */
import {
  changesOf,
  damaged,
  pluginApiVersion,
  type BlockNumber,
  type LedgerEntry,
  type LedgerPosition,
  type OpId,
  type Verifier,
  type Violation,
} from '../contract/index.ts';
import {
  crashEvidenceOf,
  isExposed,
  owedInvocationAt,
  shownAt,
  type CrashEvidence,
} from './crash-evidence.ts';
import { latestInvocationBy, type BlockHistory } from './ledger-index.ts';
import { frontierOf, joinsBlocks } from './survivors.ts';
import { describeInitial, describeOp } from './wording.ts';

export const atomicity: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'atomicity',
  summary: 'an operation of several blocks shows in all of them or in none',
  verify(evidence) {
    const crash = crashEvidenceOf(evidence);
    if (crash === undefined) return [];
    const visible = visibleJoined(crash);
    return visible.length === 0 ? [] : findHalves(crash, visible);
  },
};

/** An operation that can be seen, with the earliest moment at which it can have taken effect. */
interface Survivor {
  readonly entry: LedgerEntry;
  earliest: LedgerPosition;
  /** The operation that pushed `earliest` so far. */
  pushedBy: LedgerEntry | undefined;
  /** Those that must have come later, and in which block that shows. */
  readonly before: { readonly survivor: Survivor; readonly block: BlockNumber }[];
  unplaced: number;
}

/** The all-or-nothing operations of several blocks that show in at least one. */
function visibleJoined(crash: CrashEvidence): LedgerEntry[] {
  const { index, contract, window, baselineAt, recovered } = crash;
  const seen = index.newOpSet();
  const visible: LedgerEntry[] = [];
  for (const history of index.blocks) {
    const shown = recovered.observed.blocks[history.block];
    if (shown === undefined || shown <= 0 || isExposed(crash, history)) continue;
    const entry = index.entry(shown);
    if (entry === undefined || entry.invokedAt <= baselineAt || entry.invokedAt > window.first)
      continue;
    const isAtomic = entry.op.kind === 'transaction' || contract.atomicUnit === 'operation';
    if (isAtomic && joinsBlocks(entry) && seen.add(shown)) visible.push(entry);
  }
  return visible;
}

function findHalves(crash: CrashEvidence, visible: readonly LedgerEntry[]): Violation[] {
  const order = new SurvivorOrder(crash);
  const violations = visible.flatMap((entry) => order.place(entry));
  return [...violations, ...order.settle()];
}

class SurvivorOrder {
  readonly #crash: CrashEvidence;
  readonly #survivors = new Map<OpId, Survivor>();
  /** Everything acknowledged by then has survived, even if it was not owed (ordering `prefix`). */
  readonly #survivedBy: LedgerPosition;

  constructor(crash: CrashEvidence) {
    this.#crash = crash;
    this.#survivedBy = crash.contract.ordering === 'prefix' ? frontierOf(crash).invokedAt - 1 : 0;
  }

  /** Compares the blocks of an operation; answers where one shows what cannot have followed it. */
  place(entry: LedgerEntry): Violation[] {
    const { index } = this.#crash;
    const survivor = this.#survivorOf(entry);
    const violations: Violation[] = [];
    for (const { block } of changesOf(entry.op)) {
      const history = index.block(block)!;
      const shown = shownAt(this.#crash, history);
      if (shown === undefined || shown === entry.id || this.#isUnusable(history, shown)) continue;
      const other = shown > 0 ? index.entry(shown) : undefined;
      if (other !== undefined && index.effectiveUntil[shown]! > entry.invokedAt) {
        this.#putBefore(survivor, this.#survivorOf(other), block);
      } else {
        violations.push(halfDone(this.#crash, entry, block, other));
      }
    }
    return violations;
  }

  /** Places every survivor as early as it can be; answers which cannot be placed. */
  settle(): Violation[] {
    const placed = this.#placeable();
    for (const survivor of placed) this.#pushLater(survivor);
    const tooLate = placed.filter((survivor) => this.#isTooLate(survivor));
    const circular = [...this.#survivors.values()].filter(
      ({ unplaced, before }) => unplaced > 0 && before.some((after) => after.survivor.unplaced > 0),
    );
    return [
      ...tooLate.map((survivor) => entangled(this.#crash, [survivor.pushedBy!, survivor.entry])),
      ...(circular.length > 0
        ? [
            entangled(
              this.#crash,
              circular.map(({ entry }) => entry),
            ),
          ]
        : []),
    ];
  }

  #survivorOf(entry: LedgerEntry): Survivor {
    let survivor = this.#survivors.get(entry.id);
    if (survivor === undefined) {
      survivor = {
        entry,
        earliest: this.#earliestOf(entry),
        pushedBy: undefined,
        before: [],
        unplaced: 0,
      };
      this.#survivors.set(entry.id, survivor);
    }
    return survivor;
  }

  /** It came after its own invocation, and after whatever it overwrote had been invoked. */
  #earliestOf(entry: LedgerEntry): LedgerPosition {
    const { index, recovered } = this.#crash;
    let earliest = entry.invokedAt;
    for (const { block } of changesOf(entry.op)) {
      const history = index.block(block)!;
      if (recovered.observed.blocks[block] !== entry.id || isExposed(this.#crash, history))
        continue;
      earliest = Math.max(earliest, this.#survivedInvocationAt(history));
    }
    return earliest;
  }

  #survivedInvocationAt(history: BlockHistory): LedgerPosition {
    return Math.max(
      owedInvocationAt(this.#crash, history),
      latestInvocationBy(history.acknowledged, this.#survivedBy),
    );
  }

  #isUnusable(history: BlockHistory, shown: OpId): boolean {
    if (isExposed(this.#crash, history)) return true;
    const damage = this.#crash.recovered.damage.get(history.block);
    return shown === damaged && damage?.kind !== 'zeroed';
  }

  #putBefore(survivor: Survivor, later: Survivor, block: BlockNumber): void {
    survivor.before.push({ survivor: later, block });
    later.unplaced++;
  }

  /** Those that are on no circle and behind none, each after all that must come before it. */
  #placeable(): Survivor[] {
    const placeable = [...this.#survivors.values()].filter(({ unplaced }) => unplaced === 0);
    for (const survivor of placeable) {
      for (const { survivor: later } of survivor.before) {
        later.unplaced--;
        if (later.unplaced === 0) placeable.push(later);
      }
    }
    return placeable;
  }

  #pushLater(survivor: Survivor): void {
    for (const { survivor: later } of survivor.before) {
      if (later.earliest >= survivor.earliest) continue;
      later.earliest = survivor.earliest;
      later.pushedBy = survivor.entry;
    }
  }

  /** Whether others pushed it past its end; where it was so by itself, that is a lost write. */
  #isTooLate({ entry, earliest, pushedBy }: Survivor): boolean {
    return pushedBy !== undefined && earliest > this.#crash.index.effectiveUntil[entry.id]!;
  }
}

function halfDone(
  crash: CrashEvidence,
  entry: LedgerEntry,
  block: BlockNumber,
  shown: LedgerEntry | undefined,
): Violation {
  return {
    kind: 'not-atomic',
    place: { kind: 'block', block },
    ops: shown === undefined ? [entry.id] : [entry.id, shown.id],
    expected: `${describeOp(entry)}, which shows in another of its blocks`,
    found: shown === undefined ? describeInitial() : describeOp(shown),
    position: crash.window.last,
  };
}

function entangled(crash: CrashEvidence, entries: readonly LedgerEntry[]): Violation {
  return {
    kind: 'not-atomic',
    place: { kind: 'volume' },
    ops: entries.map(({ id }) => id),
    expected: 'an order of the operations in which each takes effect in all of its blocks at once',
    found: `${entries.map(describeOp).join(' and ')}, each of which overwrote a part of the other`,
    position: crash.window.last,
  };
}
