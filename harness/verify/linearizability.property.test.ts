/**
 * The verifiers against the definition. For small random histories every way the blocks and the log
 * could be found is judged twice: by the verifiers, and by trying all orders in which the operations
 * can have taken effect. The two must agree on every one: nothing legal is convicted, nothing illegal
 * is acquitted (REQUIREMENTS D1).
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  changesOf,
  type DurabilityContract,
  type LedgerEntry,
  type LedgerPosition,
  type LedgerView,
} from '../contract/index.ts';
import { acknowledgedAppends } from './acknowledged-appends.ts';
import { acknowledgedWrites } from './acknowledged-writes.ts';
import { atomicity } from './atomicity.ts';
import { evidenceOf, ledgerOf } from './story-fixture.ts';
import { writeOrder } from './write-order.ts';

const blockCount = 3;
const verifiers = [acknowledgedWrites, acknowledgedAppends, writeOrder, atomicity];

type Rules = Pick<DurabilityContract, 'durableWhen' | 'atomicUnit' | 'ordering'>;

/** What was found, as text: the operation in each block, then the log. */
interface Found {
  readonly blocks: readonly number[];
  readonly log: readonly number[];
}

const invocations = ['w0', 'w1', 'w2', 'w0-1', 'w1-2', 't0,1', 't1,2', 't0,1,2', 'a', 'f'];

interface WordChoice {
  readonly isInvocation: boolean;
  readonly choice: number;
  readonly outcome: number;
}

const wordChoices: fc.Arbitrary<WordChoice[]> = fc.array(
  fc.record({ isInvocation: fc.boolean(), choice: fc.nat(999), outcome: fc.nat(9) }),
  { maxLength: 10 },
);

const rules: fc.Arbitrary<Rules> = fc.record({
  durableWhen: fc.constantFrom('acknowledged', 'flushed'),
  atomicUnit: fc.constantFrom('block', 'operation'),
  ordering: fc.constantFrom('none', 'prefix'),
});

/** Operations in flight settle, in any order and with any outcome, or never. */
function storyOf(choices: readonly WordChoice[], firstId: number): string[] {
  const inFlight: number[] = [];
  let nextId = firstId;
  return choices.map(({ isInvocation, choice, outcome }) => {
    if (isInvocation || inFlight.length === 0) {
      inFlight.push(nextId++);
      return invocations[choice % invocations.length]!;
    }
    const [id] = inFlight.splice(choice % inFlight.length, 1);
    const sign = outcome < 8 ? '+' : outcome === 8 ? '?' : '-';
    return `${sign}${String(id)}`;
  });
}

it('the verifiers acquit exactly what some order of the operations explains', () => {
  fc.assert(
    fc.property(wordChoices, rules, fc.nat(), fc.nat(), (choices, contract, from, to) => {
      const story = storyOf(choices, 1).join(' ');
      const ledger = ledgerOf(story);
      const [first = 0, last = 0] = [from, to]
        .map((n) => n % (ledger.end + 1))
        .sort((a, b) => a - b);
      const positions = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      const legal = positions.map((at) => legalFinds(nodesAt(ledger, at, contract, 0), empty));
      expectAgreement(story, ledger, contract, { first, last }, (found) =>
        legal.every((finds) => finds.has(textOf(found))),
      );
    }),
    { seed: 20, numRuns: 2500 },
  );
});

it('after a recovery they acquit exactly what newer operations make of what it served', () => {
  fc.assert(
    fc.property(
      wordChoices,
      wordChoices,
      rules,
      fc.nat(),
      fc.nat(),
      (before, after, contract, pick, cut) => {
        const old = storyOf(before.slice(0, 6), 1);
        const oldLedger = ledgerOf(old.join(' '));
        const served = pickOf(
          legalFinds(nodesAt(oldLedger, oldLedger.end, contract, 0), empty),
          pick,
        );
        const recovered = `R${served.blocks.join(',')}|${served.log.join(',')}`;
        const newer = storyOf(after.slice(0, 6), oldLedger.entries.length + 1);
        const story = [...old, '!', recovered, ...newer].join(' ');
        const ledger = ledgerOf(story);
        const recoveredAt = old.length + 2;
        const at = recoveredAt + (cut % (newer.length + 1));
        const legal = legalFinds(nodesAt(ledger, at, contract, recoveredAt), served);
        expectAgreement(story, ledger, contract, { first: at, last: at }, (found) =>
          legal.has(textOf(found)),
        );
      },
    ),
    { seed: 21, numRuns: 1500 },
  );
});

function expectAgreement(
  story: string,
  ledger: LedgerView,
  contract: Rules,
  window: { first: LedgerPosition; last: LedgerPosition },
  isLegal: (found: Found) => boolean,
): void {
  const evidence = evidenceOf({ story, contract, window });
  for (const found of allFinds(ledger)) {
    const { recovered } = evidenceOf({ story: '', ...found });
    const violations = verifiers.flatMap((verifier) =>
      verifier
        .verify({ ...evidence, recovered })
        .map(({ kind, found: what }) => `${kind}: ${what}`),
    );
    expect({ story, window, found, legal: violations.length === 0, violations }).toEqual({
      story,
      window,
      found,
      legal: isLegal(found),
      violations,
    });
  }
}

/** Every combination of an operation (or none) per block and an arrangement of appended records. */
function allFinds(ledger: LedgerView): Found[] {
  const perBlock = Array.from({ length: blockCount }, (_, block) => [
    0,
    ...ledger.entriesOf(block).map(({ id }) => id),
  ]);
  const appends = ledger.entries.filter(({ op }) => op.kind === 'append').map(({ id }) => id);
  const logs = arrangements(appends.slice(0, 3));
  return perBlock
    .reduce<number[][]>((rows, ids) => rows.flatMap((row) => ids.map((id) => [...row, id])), [[]])
    .flatMap((blocks) => logs.map((log) => ({ blocks, log })));
}

function arrangements(ids: readonly number[]): number[][] {
  return [
    [],
    ...ids.flatMap((id) =>
      arrangements(ids.filter((other) => other !== id)).map((rest) => [id, ...rest]),
    ),
  ];
}

/** What takes effect at one moment: an operation, or one block of it where blocks are the unit. */
interface Node {
  readonly entry: LedgerEntry;
  readonly ordering: Rules['ordering'];
  readonly blocks: readonly number[];
  readonly until: LedgerPosition;
  readonly isOwed: boolean;
  readonly isAcknowledged: boolean;
}

/** The operations of a ledger as they stood at a position, leaving out what is older than `since`. */
function nodesAt(
  ledger: LedgerView,
  at: LedgerPosition,
  contract: Rules,
  since: LedgerPosition,
): Node[] {
  const known = ledger.entries
    .filter(({ invokedAt }) => invokedAt <= at && invokedAt > since)
    .filter(({ settledAt, outcome }) => !(settledAt <= at && outcome.status === 'rejected'));
  const isAcknowledged = ({ settledAt, outcome }: LedgerEntry): boolean =>
    settledAt <= at && outcome.status === 'acknowledged';
  const flushes = known.filter((entry) => entry.op.kind === 'flush' && isAcknowledged(entry));
  return known.flatMap((entry) => {
    const acknowledged = isAcknowledged(entry);
    const isFlushed = flushes.some((flush) => flush.invokedAt > entry.settledAt);
    const common = {
      entry,
      ordering: contract.ordering,
      until: acknowledged ? entry.settledAt : Infinity,
      isOwed: acknowledged && (contract.durableWhen === 'acknowledged' || isFlushed),
      isAcknowledged: acknowledged,
    };
    const blocks = changesOf(entry.op).map(({ block }) => block);
    const isWhole = entry.op.kind !== 'write' || contract.atomicUnit === 'operation';
    return isWhole
      ? [{ ...common, blocks }]
      : blocks.map((block) => ({ ...common, blocks: [block] }));
  });
}

const empty: Found = { blocks: [0, 0, 0], log: [] };

/** All that can be found: every choice of what took effect, in every order that real time allows. */
function legalFinds(nodes: readonly Node[], start: Found): Map<string, Found> {
  const finds = new Map<string, Found>();
  const seen = new Set<string>();
  const isPrefix = nodes.some((node) => node.ordering === 'prefix');
  for (let chosen = 0; chosen < 2 ** nodes.length; chosen++) {
    const survivors = nodes.filter((_, index) => (chosen >> index) & 1);
    const missing = nodes.filter((_, index) => !((chosen >> index) & 1));
    if (missing.some(({ isOwed }) => isOwed)) continue;
    if (isPrefix && leavesHole(survivors, missing)) continue;
    order(survivors, start);
  }
  return finds;

  function order(left: readonly Node[], found: Found): void {
    const key = `${left.map(({ entry, blocks }) => `${entry.id}:${blocks.join('.')}`).join(' ')}/${textOf(found)}`;
    if (seen.has(key)) return;
    seen.add(key);
    if (left.length === 0) finds.set(textOf(found), found);
    for (const node of left) {
      const rest = left.filter((other) => other !== node);
      if (rest.every((other) => other.until >= node.entry.invokedAt))
        order(rest, after(found, node));
    }
  }
}

function leavesHole(survivors: readonly Node[], missing: readonly Node[]): boolean {
  return missing.some(
    ({ isAcknowledged, until }) =>
      isAcknowledged && survivors.some(({ entry }) => until < entry.invokedAt),
  );
}

function after({ blocks, log }: Found, node: Node): Found {
  const { id, op } = node.entry;
  return {
    blocks: blocks.map((shown, block) => (node.blocks.includes(block) ? id : shown)),
    log: op.kind === 'append' ? [...log, id] : log,
  };
}

function textOf({ blocks, log }: Found): string {
  return `${blocks.join(',')}|${log.join(',')}`;
}

function pickOf(finds: Map<string, Found>, pick: number): Found {
  const all = [...finds.values()];
  return all[pick % all.length]!;
}
