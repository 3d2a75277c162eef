import {
  changesOf,
  type BlockChange,
  type BlockNumber,
  type Op,
  type Outcome,
  type Random,
} from '../../harness/contract/index.ts';

/**
 * What the bank knows of its accounts. A balance is known only once the transaction that set it has
 * settled: until then its accounts are locked, and after an outcome that is not known they stay so.
 */
export class Accounts {
  readonly #balances: Float64Array;
  readonly #state: Uint8Array;

  constructor(count: number) {
    this.#balances = new Float64Array(count).fill(NaN);
    this.#state = new Uint8Array(count).fill(unopened);
  }

  get count(): number {
    return this.#state.length;
  }

  balanceOf(account: BlockNumber): number {
    return this.#balances[account]!;
  }

  isUnopened(account: BlockNumber): boolean {
    return this.#state[account] === unopened;
  }

  isFree(account: BlockNumber): boolean {
    return this.#state[account] === free;
  }

  lock(changes: readonly BlockChange[]): void {
    for (const { block } of changes) this.#state[block] = locked;
  }

  settle(op: Op, outcome: Outcome): void {
    for (const { block, value = NaN } of changesOf(op)) {
      if (outcome.status === 'indeterminate') continue;
      if (outcome.status === 'acknowledged') this.#balances[block] = value;
      this.#state[block] = Number.isNaN(this.#balances[block]) ? unopened : free;
    }
  }
}

const unopened = 0;
const free = 1;
const locked = 2;

/** Draws `count` of the accounts, each at most once. */
export function drawAccounts(
  accounts: readonly BlockNumber[],
  count: number,
  random: Random,
): BlockNumber[] {
  const left = [...accounts];
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0]!);
}
