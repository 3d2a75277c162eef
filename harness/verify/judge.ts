/**
 * What the promise in force makes of the violations. Verifiers judge as if nothing acknowledged may
 * ever be lost; only here is anything excused:
 *
 *  - `survives` excuses nothing;
 *  - `detects` excuses that the engine refused to open, and that it refused to read a block. Whatever
 *    it served counts in full, and so does a crash, or a recovery that does not end;
 *  - `nothing` excuses all;
 *  - `except: 'not-carried'` excuses, under either promise, that acknowledged operations are gone while
 *    nothing invoked after their acknowledgement has itself been acknowledged. A hole that their loss
 *    leaves under a `prefix` contract is a violation of its own, and stays one.
 */
import type {
  Evidence,
  LedgerEntry,
  RecoveredState,
  RefusalReason,
  Verifier,
  Violation,
} from '../contract/index.ts';
import { allowedLosses, type AllowedLosses } from './allowed-losses.ts';
import { indexOf, latestInvocationBy } from './ledger-index.ts';

export interface Judgement {
  /** These convict. */
  readonly violations: readonly Violation[];
  /** These are reported and do not convict. */
  readonly excused: readonly Violation[];
  /** The engine noticed and said so: it refused to open, or to read some block. */
  readonly detected: boolean;
  /** What the contract itself allows to be gone. */
  readonly losses: AllowedLosses;
}

export function judge(evidence: Evidence, verifiers: readonly Verifier[]): Judgement {
  const violations: Violation[] = [];
  const excused: Violation[] = [];
  for (const verifier of verifiers) {
    for (const violation of verifier.verify(evidence)) {
      (isExcused(evidence, violation) ? excused : violations).push(violation);
    }
  }
  return {
    violations,
    excused,
    detected: isDetection(evidence.recovered),
    losses: allowedLosses(evidence),
  };
}

function isExcused(evidence: Evidence, violation: Violation): boolean {
  const { level, except } = evidence.promise;
  if (level === 'nothing') return true;
  if (level === 'detects' && isRefusal(evidence, violation)) return true;
  return except === 'not-carried' && isNotCarried(evidence, violation);
}

/**
 * Refusals by which an engine says that what it found is not fit to serve. A superblock that a fault
 * destroyed may look like that of no or of another volume.
 */
const detections: ReadonlySet<string> = new Set<RefusalReason>([
  'corrupt',
  'device-error',
  'not-formatted',
  'incompatible',
]);

function isDetection(recovered: RecoveredState): boolean {
  if (!recovered.opened) return detections.has(recovered.reason);
  for (const damage of recovered.damage.values()) {
    if (damage.kind === 'unreadable' && detections.has(damage.reason)) return true;
  }
  return false;
}

function isRefusal({ recovered, uninterrupted }: Evidence, { kind, place }: Violation): boolean {
  if (kind === 'recovery-failed') return !recovered.opened && detections.has(recovered.reason);
  if (place.kind !== 'block') return false;
  if (isRefusedAt(recovered, place.block)) return true;
  return (
    kind === 'recovery-not-idempotent' &&
    uninterrupted !== undefined &&
    isRefusedAt(uninterrupted, place.block)
  );
}

function isRefusedAt(recovered: RecoveredState, block: number): boolean {
  const damage = recovered.opened ? recovered.damage.get(block) : undefined;
  return damage?.kind === 'unreadable' && detections.has(damage.reason);
}

/** The operation named first is the one acknowledged first; the others are carried no sooner. */
function isNotCarried({ ledger, contract, window }: Evidence, violation: Violation): boolean {
  if (violation.kind !== 'lost' && violation.kind !== 'stale') return false;
  const index = indexOf(ledger, contract);
  const missing = index.entry(violation.ops[0] ?? 0);
  if (missing === undefined || !index.isAcknowledgedBy(missing, window.last)) return false;
  if (isOlderThanBaseline(index.baselineAt(window.last)?.at, missing)) return false;
  return latestInvocationBy(index.acknowledged, window.last) < missing.settledAt;
}

/** What a recovery has served is not excused from staying. */
function isOlderThanBaseline(baselineAt: number | undefined, missing: LedgerEntry): boolean {
  return baselineAt !== undefined && missing.invokedAt < baselineAt;
}
