/**
 * Why the harness is sure (REQUIREMENTS D2): which writes of the drive's history carried the
 * operation, what made them durable and when, and how that stands to its acknowledgement and to the
 * cut. Either the drive had made it durable and the engine lost it, or it was acknowledged before it
 * was durable.
 */
import {
  changesOf,
  nounFor,
  type BlockNumber,
  type EventSeq,
  type HistoryEvent,
  type HistoryView,
  type LedgerEntry,
  type LedgerPosition,
  type LedgerView,
  type Proof,
  type ProofStep,
  type Violation,
} from '../contract/index.ts';
import { sectorTags } from '../ledger/block-stamp.ts';
import { chainOf, type DriveFacts, type DurabilityChain } from './durability-chain.ts';
import { findCopies, writesWithin } from './stamped-writes.ts';
import { describeOp } from './wording.ts';

/** How many writes are listed where none can be told to carry the operation. */
const listedWritesMax = 16;

/** What the search for a block's tags assumes; shorter blocks have fewer tags and match all the same. */
const searchedBytes = 4096;

export interface ProofOptions extends DriveFacts {
  readonly blockBytes: number;
}

/**
 * The proof for the operation that the violation names first; undefined where it names none, or one
 * that the ledger does not have. `cutSeq`: the last event before the cut.
 */
export function buildProof(
  violation: Violation,
  ledger: LedgerView,
  history: HistoryView,
  cutSeq: EventSeq,
  options: ProofOptions = { writeCache: 'volatile', blockBytes: searchedBytes },
): Proof | undefined {
  const entry = ledger.entries[(violation.ops[0] ?? 0) - 1];
  if (entry === undefined) return undefined;
  const life = lifeOf(history, entry, cutSeq);
  const tags = tagsOf(violation, ledger.seed, entry, options.blockBytes);
  const copies = findCopies(history, tags, { after: life.invokedSeq, before: cutSeq + 1 });
  if (copies.length === 0) return proofWithoutStamp(history, entry, life);
  const chain = soonest(
    copies.map(({ writes }) =>
      weakest(writes.map((write) => chainOf(history, write, cutSeq + 1, options))),
    ),
  );
  const missing = missingLink(chain, life);
  return {
    op: entry.id,
    steps: inOrder([...life.steps, ...chain.steps], missing),
    conclusion: conclude(entry, chain, life, missing),
  };
}

/** Where the life of the operation meets the history. */
interface Life {
  readonly invokedSeq: EventSeq;
  /** Infinity where it was not acknowledged before the cut. */
  readonly acknowledgedSeq: EventSeq;
  readonly cutSeq: EventSeq;
  readonly isInHistory: boolean;
  readonly steps: readonly ProofStep[];
}

function lifeOf(history: HistoryView, entry: LedgerEntry, cutSeq: EventSeq): Life {
  const invoked = markAt(history, entry.invokedAt);
  const settled = markAt(history, entry.settledAt);
  const isAcknowledged =
    entry.outcome.status === 'acknowledged' && settled !== undefined && settled.seq <= cutSeq;
  const steps: ProofStep[] = [
    ...cutsBefore(history, cutSeq),
    { what: 'cut', seq: cutSeq, text: 'power is cut after this event' },
  ];
  if (invoked !== undefined) {
    const { seq, atNs } = invoked;
    steps.push({ what: 'invoked', seq, atNs, text: `operation ${entry.id} is invoked` });
  }
  if (isAcknowledged) {
    const { seq, atNs } = settled;
    steps.push({ what: 'acknowledged', seq, atNs, text: `operation ${entry.id} is acknowledged` });
  }
  return {
    invokedSeq: invoked?.seq ?? 0,
    acknowledgedSeq: isAcknowledged ? settled.seq : Infinity,
    cutSeq,
    isInHistory: invoked !== undefined,
    steps,
  };
}

/** Drives that lost power alone, while the operation was still to come or on its way. */
function cutsBefore(history: HistoryView, cutSeq: EventSeq): ProofStep[] {
  return history.events.flatMap((event): ProofStep[] => {
    if (event.kind !== 'fault' || event.seq > cutSeq) return [];
    const { faultClass, details } = event.firing;
    if (faultClass !== 'power-loss' || details['device'] === undefined) return [];
    const { seq, atNs } = event;
    return [{ what: 'cut', seq, atNs, text: `drive ${event.device} alone loses power` }];
  });
}

function markAt(history: HistoryView, position: LedgerPosition): HistoryEvent | undefined {
  return history.events.find((event) => event.kind === 'mark' && event.position === position);
}

function tagsOf(
  { place }: Violation,
  seed: number,
  { id, op }: LedgerEntry,
  blockBytes: number,
): Buffer[] {
  if (op.kind === 'append') return sectorTags({ seed, op: id, block: 0 }, op.byteCount);
  const changes = changesOf(op);
  const isNamed = place.kind === 'block' && changes.some(({ block }) => block === place.block);
  const block: BlockNumber = isNamed ? place.block : (changes[0]?.block ?? 0);
  return sectorTags({ seed, op: id, block }, blockBytes);
}

/** The chain of a copy is as strong as that of its weakest write. */
function weakest(chains: readonly DurabilityChain[]): DurabilityChain {
  return chains.reduce((weak, chain) => (chain.durableAt > weak.durableAt ? chain : weak));
}

/** The copy that became durable first; where none did, the first copy. */
function soonest(chains: readonly DurabilityChain[]): DurabilityChain {
  return chains.reduce((soon, chain) => (chain.durableAt < soon.durableAt ? chain : soon));
}

/** Undefined where the chain was complete by the acknowledgement. */
function missingLink(chain: DurabilityChain, life: Life): string | undefined {
  if (chain.missing !== undefined) return chain.missing;
  if (chain.durableAt <= life.acknowledgedSeq) return undefined;
  const { steps } = chain;
  const at = (what: ProofStep['what']): EventSeq =>
    steps.find((step) => step.what === what)?.seq ?? 0;
  if (at('flush-completed') === 0) {
    return `its write completed only at event ${at('write-completed')}`;
  }
  return (
    `the first flush submitted after its write completed at event ${at('write-completed')}` +
    ` completed only at event ${at('flush-completed')}`
  );
}

function conclude(
  entry: LedgerEntry,
  chain: DurabilityChain,
  { acknowledgedSeq, cutSeq }: Life,
  missing: string | undefined,
): string {
  const name = describeOp(entry);
  const isDurable = chain.durableAt <= cutSeq;
  if (acknowledgedSeq === Infinity) {
    const state = isDurable ? `was durable from event ${chain.durableAt}` : `was not durable`;
    return `${initialUpper(name)} had not been acknowledged when power was cut at event ${cutSeq}, and ${state}.`;
  }
  if (missing === undefined) {
    return `The drive had made ${name} durable at event ${chain.durableAt}, before it was acknowledged at event ${acknowledgedSeq}: the engine lost it.`;
  }
  const early = `${initialUpper(name)} was acknowledged at event ${acknowledgedSeq}, but ${missing}`;
  if (isDurable)
    return `${early}; it was durable by the cut at event ${cutSeq}, and the engine lost it.`;
  return `${early}: it was acknowledged before it was durable.`;
}

function initialUpper(sentence: string): string {
  return `${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}`;
}

/** No payload has the stamp: compressed or encrypted, or never written at all. */
function proofWithoutStamp(history: HistoryView, entry: LedgerEntry, life: Life): Proof {
  const name = describeOp(entry);
  if (!life.isInHistory) {
    const conclusion = `${initialUpper(name)} was invoked before this history begins: what is at fault lies in the recovery or in the epoch before it.`;
    return { op: entry.id, steps: inOrder(life.steps, undefined), conclusion };
  }
  const before = Math.min(life.acknowledgedSeq, life.cutSeq + 1);
  const writes = writesWithin(history, { after: life.invokedSeq, before });
  const steps = writes.slice(0, listedWritesMax).map((write) => ({
    what: 'write-submitted' as const,
    seq: write.seq,
    atNs: write.atNs,
    text: describeWrite(write),
  }));
  const until = life.acknowledgedSeq === Infinity ? 'the cut' : 'its acknowledgement';
  const missing =
    writes.length === 0
      ? `no write at all was submitted between its invocation and ${until}`
      : `none of the ${writes.length} writes submitted between its invocation and ${until} carries its stamp in the clear`;
  const conclusion = `Of ${name}, ${missing}.`;
  return { op: entry.id, steps: inOrder([...life.steps, ...steps], missing), conclusion };
}

function describeWrite({
  blockCount,
  lba,
  device,
}: {
  blockCount: number;
  lba: number;
  device: number;
}): string {
  return `a write of ${blockCount} ${nounFor(blockCount, 'block')} at LBA ${lba} of drive ${device}`;
}

/** By sequence number; the missing link stands at the acknowledgement, or before the cut. */
function inOrder(steps: readonly ProofStep[], missing: string | undefined): ProofStep[] {
  const lastCut = Math.max(...steps.map(({ what, seq = 0 }) => (what === 'cut' ? seq : 0)));
  const rank = ({ what, seq }: ProofStep): number => (what === 'cut' && seq === lastCut ? 1 : 0);
  const sorted = [...steps].sort((a, b) => rank(a) - rank(b) || (a.seq ?? 0) - (b.seq ?? 0));
  if (missing === undefined) return sorted;
  const acknowledged = sorted.findIndex((step) => step.what === 'acknowledged');
  const at = acknowledged < 0 ? sorted.length - 1 : acknowledged + 1;
  return [...sorted.slice(0, at), { what: 'missing', text: missing }, ...sorted.slice(at)];
}
