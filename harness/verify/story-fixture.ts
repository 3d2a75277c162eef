import assert from 'node:assert/strict';
import {
  damaged,
  faultClasses,
  type AckLedger,
  type BlockDamage,
  type CrashWindow,
  type DurabilityContract,
  type Evidence,
  type FaultClass,
  type FaultPromise,
  type LedgerView,
  type Op,
  type OpId,
  type RecoveredState,
  type Verifier,
} from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';

/**
 * Ledgers and crash states for the tests of the verifiers. A story is a line of words, each of which
 * is one ledger record, so that the n-th word stands at position n:
 *
 *     w0 w0-2   invoke a write of block 0, of blocks 0 to 2 (operations are numbered from 1)
 *     t0,3      invoke a transaction over blocks 0 and 3
 *     a f       invoke an append, a flush
 *     +1 -1 ?1  operation 1 is acknowledged, rejected, of unknown outcome
 *     !         power is cut
 *     R1,0|2,3  recovery served operation 1 in block 0, nothing in block 1, and records 2 and 3
 */
export function ledgerOf(story: string): LedgerView {
  const ledger = createLedger({ seed: 1 });
  let epoch = 1;
  for (const word of story.split(' ').filter((part) => part !== '')) {
    if (word === '!') ledger.mark({ kind: 'crash', endedEpoch: epoch });
    else if (word.startsWith('R')) ledger.mark(recoveredMark(word, ++epoch));
    else tell(ledger, word);
  }
  return ledger.view();
}

function tell(ledger: AckLedger, word: string): void {
  const id = Number(word.slice(1));
  if (word.startsWith('+')) ledger.settle(id, { status: 'acknowledged' }, 0);
  else if (word.startsWith('-')) ledger.settle(id, { status: 'rejected', reason: 'full' }, 0);
  else if (word.startsWith('?')) ledger.settle(id, { status: 'indeterminate', reason: 'EIO' }, 0);
  else ledger.invoke(opOf(word), 0, 0);
}

function opOf(word: string): Op {
  const rest = word.slice(1);
  switch (word.slice(0, 1)) {
    case 'w': {
      const [first = 0, last = first] = rest.split('-').map(Number);
      return { kind: 'write', block: first, blockCount: last - first + 1 };
    }
    case 't':
      return { kind: 'transaction', changes: numbersIn(rest).map((block) => ({ block })) };
    case 'a':
      return { kind: 'append', byteCount: 64 };
    case 'f':
      return { kind: 'flush' };
    default:
      return assert.fail(`no such word in a story: ${word}`);
  }
}

function recoveredMark(word: string, epoch: number): Parameters<AckLedger['mark']>[0] {
  const [blocks = '', log = ''] = word.slice(1).split('|');
  const observed = {
    blocks: Int32Array.from(numbersIn(blocks)),
    log: Int32Array.from(numbersIn(log)),
  };
  return { kind: 'recovered', epoch, observed };
}

function numbersIn(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map(Number);
}

export interface CrashCase {
  readonly story: string;
  /** What each block was found to hold. */
  readonly blocks?: readonly (OpId | BlockDamage)[];
  readonly log?: readonly (OpId | BlockDamage)[];
  /** Absent: the end of the story. */
  readonly window?: CrashWindow;
  readonly contract?: Partial<DurabilityContract>;
  readonly promise?: FaultPromise;
  readonly uninterrupted?: RecoveredState;
  readonly recovered?: RecoveredState;
  readonly invariantBroken?: string;
}

export function evidenceOf(crash: CrashCase): Evidence {
  const ledger = ledgerOf(crash.story);
  return {
    contract: { ...strictContract, ...crash.contract },
    promise: crash.promise ?? { level: 'survives', citation: 'the test' },
    ledger,
    window: crash.window ?? { first: ledger.end, last: ledger.end },
    recovered: crash.recovered ?? openedWith(crash),
    ...(crash.uninterrupted === undefined ? {} : { uninterrupted: crash.uninterrupted }),
    invariantBroken: crash.invariantBroken,
  };
}

export function openedWith({ blocks = [], log = [] }: Partial<CrashCase>): RecoveredState {
  return {
    opened: true,
    observed: { blocks: idsOrDamaged(blocks), log: idsOrDamaged(log) },
    damage: damageIn(blocks),
    values: new Float64Array(blocks.length),
    logDamage: damageIn(log),
    recoveryRequests: 10,
    recoveryNs: 0,
  };
}

function idsOrDamaged(found: readonly (OpId | BlockDamage)[]): Int32Array {
  return Int32Array.from(found, (item) => (typeof item === 'number' ? item : damaged));
}

function damageIn(found: readonly (OpId | BlockDamage)[]): Map<number, BlockDamage> {
  return new Map(
    found.flatMap((item, index) => (typeof item === 'number' ? [] : [[index, item] as const])),
  );
}

/** What a verifier holds against a crash state, as `kind@place`. */
export function convictions(verifier: Verifier, crash: CrashCase): string[] {
  return verifier.verify(evidenceOf(crash)).map(({ kind, place }) => {
    if (place.kind === 'block') return `${kind}@${place.block}`;
    return place.kind === 'log' ? `${kind}@log` : `${kind}@${place.kind}`;
  });
}

const survives: FaultPromise = { level: 'survives', citation: 'the test' };

const strictContract: DurabilityContract = {
  durableWhen: 'acknowledged',
  atomicUnit: 'block',
  ordering: 'none',
  unflushedContents: 'old-or-new',
  recoveryIsIdempotent: true,
  recoveryRequestsMax: 1000,
  promises: Object.fromEntries(faultClasses.map((name) => [name, survives])) as Record<
    FaultClass,
    FaultPromise
  >,
};
