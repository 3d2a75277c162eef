import {
  changesOf,
  type BlockDamage,
  type LedgerEntry,
  type LedgerPosition,
  type OpId,
} from '../contract/index.ts';

/** How many operations a violation names; a hot block can have lost thousands. */
const namedOpsMax = 8;

/** `operation 12 (write of blocks 4-7, acknowledged at position 31)`. */
export function describeOp(entry: LedgerEntry): string {
  return `operation ${entry.id} (${describeAction(entry)}, ${describeOutcome(entry)})`;
}

function describeAction({ op }: LedgerEntry): string {
  switch (op.kind) {
    case 'write':
      return op.blockCount === 1
        ? `write of block ${op.block}`
        : `write of blocks ${op.block}-${op.block + op.blockCount - 1}`;
    case 'transaction':
      return `transaction over blocks ${changesOf(op)
        .map(({ block }) => block)
        .join(', ')}`;
    case 'append':
      return `append of ${op.byteCount} bytes`;
    case 'flush':
      return 'flush';
  }
}

function describeOutcome({ outcome, settledAt }: LedgerEntry): string {
  return settledAt === Infinity ? 'never settled' : `${outcome.status} at position ${settledAt}`;
}

/** Names the first few and counts the rest. */
export function describeOps(entries: readonly LedgerEntry[]): string {
  const named = entries.slice(0, 2).map(describeOp).join(' and ');
  return entries.length > 2 ? `${named} and ${entries.length - 2} more` : named;
}

export function idsOf(entries: readonly LedgerEntry[]): OpId[] {
  return entries.slice(0, namedOpsMax).map(({ id }) => id);
}

export function describeDamage(damage: BlockDamage): string {
  switch (damage.kind) {
    case 'zeroed':
      return 'zeros';
    case 'misdirected':
      return `a whole stamp of operation ${damage.stamp.op} for block ${damage.stamp.block}`;
    case 'torn':
      return `sectors of several operations: ${damage.sectorOps.join(', ')} (0: none of this run)`;
    case 'corrupt':
      return 'a stamp whose checksum is wrong';
    case 'unreadable':
      return `nothing: the engine refuses to read it (${damage.reason}: ${damage.message})`;
  }
}

export function describeInitial(): string {
  return 'what was there before the run';
}

export function describeRejection(position: LedgerPosition): string {
  return `the engine had promised at position ${position} that it has no effect`;
}
