/**
 * Recovery must end, within the bound that the contract names, with the engine open; and where the
 * contract says so, a recovery that was itself cut and began anew must serve what the uninterrupted
 * one served (REQUIREMENTS B12).
 */
import {
  damaged,
  initialContents,
  pluginApiVersion,
  type Evidence,
  type OpId,
  type Place,
  type RecoveredState,
  type Verifier,
  type Violation,
  type ViolationKind,
} from '../contract/index.ts';
import { describeDamage, describeInitial } from './wording.ts';

type Opened = Extract<RecoveredState, { opened: true }>;

export const recovery: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'recovery',
  summary: 'recovery ends, within its bound, and may be interrupted without consequence',
  verify(evidence) {
    const { recovered, uninterrupted, contract } = evidence;
    if (!recovered.opened) return [notOpened(evidence, recovered)];
    const overrun = findOverrun(evidence, recovered);
    if (uninterrupted?.opened !== true || !contract.recoveryIsIdempotent) return overrun;
    return [...overrun, ...findDifferences(evidence, uninterrupted, recovered)];
  },
};

function notOpened(
  evidence: Evidence,
  recovered: Extract<RecoveredState, { opened: false }>,
): Violation {
  const found = `${recovered.reason}: ${recovered.message}`;
  return violation(evidence, 'recovery-failed', { kind: 'recovery' }, [
    'recovery ends with the engine open',
    found,
  ]);
}

function findOverrun(evidence: Evidence, recovered: Opened): Violation[] {
  const { recoveryRequestsMax } = evidence.contract;
  if (recovered.recoveryRequests <= recoveryRequestsMax) return [];
  return [
    violation(evidence, 'recovery-failed', { kind: 'recovery' }, [
      `recovery ends within ${recoveryRequestsMax} device requests`,
      `it took ${recovered.recoveryRequests}`,
    ]),
  ];
}

function findDifferences(evidence: Evidence, first: Opened, second: Opened): Violation[] {
  const violations: Violation[] = [];
  const { length } = first.observed.blocks;
  for (let block = 0; block < length; block++) {
    if (first.observed.blocks[block] === second.observed.blocks[block]) continue;
    if (!isNamed(evidence, block)) continue;
    violations.push(
      violation(evidence, 'recovery-not-idempotent', { kind: 'block', block }, [
        `${describeBlock(first, block)}, as the uninterrupted recovery served`,
        describeBlock(second, block),
      ]),
    );
  }
  const place = firstDifference(first.observed.log, second.observed.log);
  if (place === undefined) return violations;
  return [
    ...violations,
    violation(evidence, 'recovery-not-idempotent', { kind: 'log', index: place }, [
      `${describeRecord(first, place)}, as the uninterrupted recovery served`,
      describeRecord(second, place),
    ]),
  ];
}

/** Whether an operation on the block had been invoked by then: else nobody need have read it. */
function isNamed({ ledger, window }: Evidence, block: number): boolean {
  const first = ledger.entriesOf(block)[0];
  return first !== undefined && first.invokedAt <= window.last;
}

function firstDifference(first: Int32Array, second: Int32Array): number | undefined {
  const length = Math.max(first.length, second.length);
  for (let place = 0; place < length; place++) {
    if (first[place] !== second[place]) return place;
  }
  return undefined;
}

function describeBlock({ observed, damage }: Opened, block: number): string {
  const shown = observed.blocks[block];
  const found = damage.get(block);
  return found === undefined ? describeShown(shown) : describeDamage(found);
}

function describeRecord({ observed }: Opened, place: number): string {
  return place < observed.log.length ? describeShown(observed.log[place]) : 'no such record';
}

function describeShown(shown: OpId | undefined): string {
  if (shown === undefined) return 'nothing was read';
  if (shown === damaged) return 'a damaged record';
  return shown === initialContents ? describeInitial() : `operation ${shown}`;
}

function violation(
  evidence: Evidence,
  kind: ViolationKind,
  place: Place,
  [expected, found]: readonly [expected: string, found: string],
): Violation {
  return { kind, place, ops: [], expected, found, position: evidence.window.last };
}
