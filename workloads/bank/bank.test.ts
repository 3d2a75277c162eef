import { describe, expect, it } from 'vitest';
import {
  changesOf,
  createRandom,
  type Op,
  type Outcome,
  type WorkloadRun,
} from '../../harness/contract/index.ts';
import bank from './index.ts';

const options = bank.options.parse({ branches: 3, accountsPerBranch: 4 });

function start(seed = 1, opsMax = 400): WorkloadRun {
  const space = { blockBytes: 4096, blockCount: 100 };
  return bank.start({ space, opsMax, queueDepth: 8, random: createRandom(seed) }, options);
}

/** Runs the bank over a volume that does as it is told; `seen` is asked after every settlement. */
function drive(
  outcomeOf: (count: number) => Outcome['status'],
  seen: (state: BankState) => void,
): void {
  const random = createRandom(2);
  const run = start();
  const values = new Float64Array(12).fill(NaN);
  const inFlight: Op[] = [];
  for (let count = 0; ;) {
    const op = inFlight.length < 8 ? run.next() : 'wait';
    if (op === undefined) return;
    if (op !== 'wait') {
      inFlight.push(op);
      continue;
    }
    const settledOp = inFlight.splice(random.below(inFlight.length), 1)[0]!;
    const outcome = outcomeFor(outcomeOf(++count));
    if (outcome.status === 'acknowledged') apply(values, settledOp);
    seen({ values, inFlight, settledOp, outcome });
    run.settled(count, settledOp, outcome);
  }
}

interface BankState {
  readonly values: Float64Array;
  readonly inFlight: readonly Op[];
  readonly settledOp: Op;
  readonly outcome: Outcome;
}

function outcomeFor(status: Outcome['status']): Outcome {
  return status === 'acknowledged' ? { status } : { status, reason: 'the test' };
}

function apply(values: Float64Array, op: Op): void {
  for (const { block, value = NaN } of changesOf(op)) values[block] = value;
}

const always = (): Outcome['status'] => 'acknowledged';

describe('the bank', () => {
  it('opens every branch with one transaction', () => {
    const run = start();
    const openings = [run.next(), run.next(), run.next()] as Op[];
    expect(openings.map((op) => changesOf(op).map(({ block }) => block))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
    expect(changesOf(openings[0]!).every(({ value }) => value === 1000)).toBe(true);
    expect(run.next()).toBe('wait');
  });

  it('keeps the sum of every branch at every moment, whatever of the flight has landed', () => {
    drive(always, ({ values, inFlight }) => {
      expect(bank.invariant!(values, options)).toBeUndefined();
      for (const landed of inFlight) {
        const later = Float64Array.from(values);
        apply(later, landed);
        expect(bank.invariant!(later, options)).toBeUndefined();
      }
    });
  });

  it('moves money, between two accounts and between more', () => {
    const sizes = new Set<number>();
    drive(always, ({ settledOp }) => sizes.add(changesOf(settledOp).length));
    expect(sizes).toEqual(new Set([2, 3, 4]));
  });

  it('never touches an account that is in flight', () => {
    drive(always, ({ inFlight, settledOp }) => {
      const blocks = [...inFlight, settledOp].flatMap((op) =>
        changesOf(op).map(({ block }) => block),
      );
      expect(new Set(blocks).size).toBe(blocks.length);
    });
  });

  it('never touches an account again after an outcome that is not known', () => {
    const frozen = new Set<number>();
    drive(
      (count) => (count % 40 === 20 ? 'indeterminate' : 'acknowledged'),
      ({ settledOp, outcome }) => {
        for (const { block } of changesOf(settledOp)) {
          expect(frozen).not.toContain(block);
          if (outcome.status === 'indeterminate') frozen.add(block);
        }
      },
    );
    expect(frozen.size).toBeGreaterThan(0);
  });

  it('goes on from the old balances after a rejection', () => {
    drive(
      (count) => (count % 3 === 0 ? 'rejected' : 'acknowledged'),
      ({ values }) => {
        expect(bank.invariant!(values, options)).toBeUndefined();
      },
    );
  });

  it('ends when every account is frozen', () => {
    let settled = 0;
    drive(
      (count) => (count > 3 ? 'indeterminate' : 'acknowledged'),
      () => settled++,
    );
    expect(settled).toBeLessThan(20);
  });

  it('does not begin on a volume that is too small', () => {
    const space = { blockBytes: 4096, blockCount: 3 };
    const scope = { space, opsMax: 1, queueDepth: 1, random: createRandom(1) };
    expect(() => bank.start(scope, options)).toThrow(/does not fit into 3 blocks/);
  });
});

describe('the invariant of the bank', () => {
  const branchOf = (...values: number[]): Float64Array => Float64Array.from(values);

  it('holds over a bank that is not open', () => {
    expect(bank.invariant!(branchOf(NaN, NaN, NaN, NaN), options)).toBeUndefined();
    expect(bank.invariant!(branchOf(), options)).toBeUndefined();
  });

  it('is broken where money is missing or was made', () => {
    expect(bank.invariant!(branchOf(900, 1000, 1000, 1000), options)).toMatch(
      /3900 instead of 4000/,
    );
    expect(bank.invariant!(branchOf(1001, 1000, 1000, 1000), options)).toMatch(/4001 instead/);
  });

  it('is broken where only a part of a branch is open', () => {
    expect(bank.invariant!(branchOf(1000, 1000, NaN, 1000), options)).toMatch(
      /3 open accounts of 4/,
    );
  });

  it('is judged branch by branch, so that two wrongs make no right', () => {
    const values = branchOf(999, 1000, 1000, 1000, 1001, 1000, 1000, 1000);
    expect(bank.invariant!(values, options)).toMatch(/blocks 0-3 holds 3999/);
  });
});
