/**
 * A bank keeps its accounts in blocks, the balance in each block's stamp, and moves money by
 * transactions over two or more accounts. Accounts belong to branches and money stays within a
 * branch, so that each branch is opened by one transaction of few blocks (a small ring takes it), and
 * opening it again, as a new run after a recovery does, keeps its sum too.
 *
 * New balances are computed only from balances that have settled. While a transaction is in flight
 * its accounts are locked; an outcome that is not known freezes them for the rest of the run. So
 * nothing was ever computed from money that may not be there, and at every crash point each branch
 * is either not yet open or holds exactly what it was opened with.
 */
import { z } from 'zod';
import {
  HarnessError,
  pluginApiVersion,
  type BlockNumber,
  type Op,
  type Random,
  type Workload,
  type WorkloadRun,
} from '../../harness/contract/index.ts';
import { Accounts, drawAccounts } from './accounts.ts';

const options = z
  .strictObject({
    branches: z.int().min(1).default(4),
    accountsPerBranch: z.int().min(2).max(256).default(4),
    /** What each account is opened with. */
    initialBalance: z.int().min(1).max(1_000_000_000).default(1000),
    /** A transfer moves money from one account to from 1 to so many others, less one. */
    accountsPerTransferMax: z.int().min(2).default(3),
  })
  .refine((settings) => settings.accountsPerTransferMax <= settings.accountsPerBranch, {
    path: ['accountsPerTransferMax'],
    message: 'must not be more than accountsPerBranch',
  });

type Options = z.output<typeof options>;

const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'bank',
  summary: 'transfers between accounts in several blocks; no money is made or lost',
  requires: ['transaction'],
  options,
  start({ space, opsMax, random }, settings): WorkloadRun {
    const fitting = Math.floor(space.blockCount / settings.accountsPerBranch);
    if (fitting === 0) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `a branch of ${settings.accountsPerBranch} accounts does not fit into ${space.blockCount} blocks; lower accountsPerBranch`,
      );
    }
    const bank = new Bank({ ...settings, branches: Math.min(settings.branches, fitting) }, random);
    let opsLeft = opsMax;
    return {
      next(): Op | 'wait' | undefined {
        if (opsLeft <= 0) return undefined;
        const op = bank.next();
        if (op !== undefined && op !== 'wait') opsLeft--;
        return op;
      },
      settled(_id, op, outcome): void {
        bank.accounts.settle(op, outcome);
        bank.inFlight--;
      },
    };
  },
  invariant: findMissingMoney,
};

class Bank {
  readonly accounts: Accounts;
  inFlight = 0;
  readonly #settings: Options;
  readonly #random: Random;

  constructor(settings: Options, random: Random) {
    this.accounts = new Accounts(settings.branches * settings.accountsPerBranch);
    this.#settings = settings;
    this.#random = random.fork('transfers');
  }

  next(): Op | 'wait' | undefined {
    const op = this.#open() ?? this.#transfer();
    if (op === undefined) return this.inFlight > 0 ? 'wait' : undefined;
    this.accounts.lock(op.changes);
    this.inFlight++;
    return op;
  }

  /** Opens the first branch that is not open. */
  #open(): Transaction | undefined {
    const { branches, initialBalance } = this.#settings;
    for (let branch = 0; branch < branches; branch++) {
      const accounts = this.#accountsOf(branch);
      if (!accounts.every((account) => this.accounts.isUnopened(account))) continue;
      const changes = accounts.map((block) => ({ block, value: initialBalance }));
      return { kind: 'transaction', changes };
    }
    return undefined;
  }

  /** Moves money between free accounts of a branch that has a payer with money among them. */
  #transfer(): Transaction | undefined {
    const { branches } = this.#settings;
    const start = this.#random.below(branches);
    for (let step = 0; step < branches; step++) {
      const free = this.#accountsOf((start + step) % branches).filter((account) =>
        this.accounts.isFree(account),
      );
      const payers = free.filter((account) => this.accounts.balanceOf(account) > 0);
      if (free.length >= 2 && payers.length >= 1) return this.#pay(free, payers);
    }
    return undefined;
  }

  #pay(free: readonly BlockNumber[], payers: readonly BlockNumber[]): Transaction {
    const payer = payers[this.#random.below(payers.length)]!;
    const others = free.filter((account) => account !== payer);
    const payeesMax = Math.min(others.length, this.#settings.accountsPerTransferMax - 1);
    const payees = drawAccounts(others, 1 + this.#random.below(payeesMax), this.#random);
    let left = this.accounts.balanceOf(payer);
    const credits = payees.map((block) => {
      const amount = this.#random.below(left + 1);
      left -= amount;
      return { block, value: this.accounts.balanceOf(block) + amount };
    });
    return { kind: 'transaction', changes: [{ block: payer, value: left }, ...credits] };
  }

  #accountsOf(branch: number): BlockNumber[] {
    const { accountsPerBranch } = this.#settings;
    return Array.from(
      { length: accountsPerBranch },
      (_, index) => branch * accountsPerBranch + index,
    );
  }
}

type Transaction = Extract<Op, { kind: 'transaction' }>;

function findMissingMoney(values: Float64Array, settings: Options): string | undefined {
  const { accountsPerBranch, initialBalance } = settings;
  for (let first = 0; first < values.length; first += accountsPerBranch) {
    const balances = values.subarray(first, first + accountsPerBranch);
    const opened = balances.filter((balance) => !Number.isNaN(balance));
    if (opened.length === 0) continue;
    const branch = `the branch of blocks ${first}-${first + accountsPerBranch - 1}`;
    if (opened.length < accountsPerBranch) {
      return `${branch} has ${opened.length} open accounts of ${accountsPerBranch}`;
    }
    const sum = opened.reduce((total, balance) => total + balance, 0);
    const expected = accountsPerBranch * initialBalance;
    if (sum !== expected) return `${branch} holds ${sum} instead of ${expected}`;
  }
  return undefined;
}

export default workload;
