import {
  nounFor,
  type EventSeq,
  type FileLedgerEntry,
  type FileLedgerView,
  type HistoryEvent,
  type HistoryView,
  type LedgerPosition,
  type OpId,
  type Proof,
  type ProofStep,
} from '../../contract/index.ts';

/**
 * The chain behind a violation of files (REQUIREMENTS D2): each operation it names with its
 * acknowledgement, what the drive did between the two, and the cut. `cutSeq`: the last event before
 * the cut. Undefined where no operation is named.
 */
export function buildFileProof(
  ops: readonly OpId[],
  ledger: FileLedgerView,
  history: HistoryView,
  cutSeq: EventSeq,
): Proof | undefined {
  const entries = ops.flatMap((id) => ledger.entries[id - 1] ?? []);
  const last = entries.at(-1);
  if (last === undefined) return undefined;
  const lives = entries.map((entry) => lifeOf(entry, history, cutSeq));
  const cut = stepAt('cut', cutSeq, history, 'power is cut after this event');
  return {
    op: entries[0]!.id,
    steps: [...lives.flatMap(({ steps }) => steps), cut],
    conclusion: conclude(last, lives.at(-1)!),
  };
}

interface Life {
  readonly steps: readonly ProofStep[];
  readonly isAcknowledged: boolean;
  readonly flushes: number;
}

function lifeOf(entry: FileLedgerEntry, history: HistoryView, cutSeq: EventSeq): Life {
  const { op, id } = entry;
  const from = markAt(history, entry.invokedAt)?.seq ?? 0;
  const settled = markAt(history, entry.settledAt);
  const isAcknowledged =
    entry.outcome?.status === 'acknowledged' && (settled?.seq ?? Infinity) <= cutSeq;
  const to = isAcknowledged ? settled!.seq : cutSeq;
  const between = history.events.filter(({ seq }) => seq > from && seq < to);
  const writes = between.filter((event) => event.kind === 'complete' && event.request === 'write');
  const flushes = between.filter(isEffectiveFlush);
  const what = `operation ${id}, ${op.kind} ${'path' in op ? op.path : ''}`.trim();
  const steps = [
    stepAt('invoked', from, history, `${what}, is invoked`),
    ...writes
      .slice(-1)
      .map(({ seq }) =>
        stepAt(
          'write-completed',
          seq,
          history,
          `the last of ${writes.length} ${nounFor(writes.length, 'write')} meanwhile`,
        ),
      ),
    ...flushes
      .slice(-1)
      .map(({ seq }) =>
        stepAt(
          'flush-completed',
          seq,
          history,
          `the last of ${flushes.length} ${nounFor(flushes.length, 'flush', 'flushes')} meanwhile`,
        ),
      ),
    ...(isAcknowledged ? [stepAt('acknowledged', to, history, `${what}, is acknowledged`)] : []),
  ];
  return { steps, isAcknowledged, flushes: flushes.length };
}

function conclude({ op, id }: FileLedgerEntry, { isAcknowledged, flushes }: Life): string {
  const what = `operation ${id} (${op.kind})`;
  if (!isAcknowledged) return `${what} was not acknowledged before the cut`;
  return flushes === 0
    ? `${what} was acknowledged, and the drive had completed no flush since it was invoked`
    : `${what} was acknowledged after a flush that the drive completed, and the state lacks what it promised`;
}

function isEffectiveFlush(event: HistoryEvent): boolean {
  return event.kind === 'complete' && event.request === 'flush' && event.effect === 'persisted';
}

function markAt(history: HistoryView, position: LedgerPosition): HistoryEvent | undefined {
  return history.events.find((event) => event.kind === 'mark' && event.position === position);
}

function stepAt(
  what: ProofStep['what'],
  seq: EventSeq,
  history: HistoryView,
  text: string,
): ProofStep {
  const atNs = history.events[seq - 1]?.atNs;
  return { what, seq, ...(atNs === undefined ? {} : { atNs }), text };
}
