/**
 * What made one write durable, as the drive's history tells it: completed with FUA (or on a drive
 * without a volatile cache), or completed and covered by a flush that was submitted after that and
 * has completed (kernel Documentation/block/writeback_cache_control.rst). Or the link that is missing.
 */
import {
  deviceNumbers,
  nounFor,
  type CompleteEvent,
  type EventSeq,
  type HistoryEvent,
  type HistoryView,
  type ProofStep,
  type SubmitEvent,
} from '../contract/index.ts';

export interface DurabilityChain {
  readonly steps: readonly ProofStep[];
  /** The event that made the write durable; Infinity where none did before the cut. */
  readonly durableAt: EventSeq;
  /** Which link is missing, where one is: the end of "…, but …". */
  readonly missing: string | undefined;
}

export interface DriveFacts {
  /** `none`: a write is durable when it completes. */
  readonly writeCache: 'none' | 'volatile';
  /** Of the data device; the same unless given. */
  readonly dataWriteCache?: 'none' | 'volatile';
}

export function chainOf(
  history: HistoryView,
  write: SubmitEvent,
  cutSeq: EventSeq,
  drive: DriveFacts,
): DurabilityChain {
  const submitted = stepOf(write, 'write-submitted', describeWrite(write));
  const completion = completionOf(history, write, cutSeq);
  if (completion === undefined) {
    return broken([submitted], `the write submitted at event ${write.seq} had not completed`);
  }
  const completed = stepOf(completion, 'write-completed', describeCompletion(completion));
  if (completion.answer !== 'ok' || completion.effect !== 'whole') {
    return broken([submitted, completed], `its write ${fateOf(completion)}`);
  }
  if (write.fua || cacheOf(drive, write.device) === 'none') {
    return { steps: [submitted, completed], durableAt: completion.seq, missing: undefined };
  }
  return flushChain(history, [submitted, completed], completion, cutSeq);
}

function cacheOf({ writeCache, dataWriteCache }: DriveFacts, device: number): string {
  return device === deviceNumbers.data ? (dataWriteCache ?? writeCache) : writeCache;
}

function flushChain(
  history: HistoryView,
  steps: readonly ProofStep[],
  written: CompleteEvent,
  cutSeq: EventSeq,
): DurabilityChain {
  const flushes = flushesAfter(history, written, cutSeq);
  const first = flushes.find(({ completion }) => completion !== undefined) ?? flushes[0];
  if (first === undefined) {
    return broken(
      steps,
      `no flush was submitted after its write completed at event ${written.seq}`,
    );
  }
  const decisive = decisiveFlush(flushes) ?? first;
  const { submit, completion } = decisive;
  const tried = [...steps, stepOf(submit, 'flush-submitted', 'a flush is submitted')];
  if (completion === undefined) {
    return broken(
      tried,
      `the first flush submitted after its write completed at event ${written.seq}, at event ${submit.seq}, had not completed`,
    );
  }
  const done = [...tried, stepOf(completion, 'flush-completed', describeFlush(completion))];
  if (completion.effect === 'persisted') {
    return { steps: done, durableAt: completion.seq, missing: undefined };
  }
  return broken(done, `the flush completed at event ${completion.seq} ${fateOf(completion)}`);
}

interface Flush {
  readonly submit: SubmitEvent;
  readonly completion: CompleteEvent | undefined;
}

/** The first to complete that persisted the write, or that dropped it for good. */
function decisiveFlush(flushes: readonly Flush[]): Flush | undefined {
  return flushes.find(
    ({ completion }) => completion?.effect === 'persisted' || completion?.effect === 'dropped',
  );
}

/** Flushes of the same drive submitted after the write completed, the first to complete first. */
function flushesAfter(history: HistoryView, written: CompleteEvent, cutSeq: EventSeq): Flush[] {
  const submits = history.events.filter(
    (event): event is SubmitEvent =>
      event.kind === 'submit' &&
      event.request === 'flush' &&
      event.device === written.device &&
      event.seq > written.seq &&
      event.seq < cutSeq,
  );
  const completions = new Map<EventSeq, CompleteEvent>();
  for (const event of history.events) {
    if (event.kind === 'complete' && event.request === 'flush' && event.seq < cutSeq) {
      completions.set(event.submitted, event);
    }
  }
  return submits
    .map((submit) => ({ submit, completion: completions.get(submit.seq) }))
    .sort((a, b) => (a.completion?.seq ?? Infinity) - (b.completion?.seq ?? Infinity) || 0);
}

function completionOf(
  history: HistoryView,
  write: SubmitEvent,
  cutSeq: EventSeq,
): CompleteEvent | undefined {
  return history.events.find(
    (event): event is CompleteEvent =>
      event.kind === 'complete' && event.submitted === write.seq && event.seq < cutSeq,
  );
}

function broken(steps: readonly ProofStep[], missing: string): DurabilityChain {
  return { steps, durableAt: Infinity, missing };
}

function fateOf({ answer, effect }: CompleteEvent): string {
  if (answer !== 'ok') return `failed with ${answer}`;
  switch (effect) {
    case 'none':
      return 'was answered OK though the drive landed nothing';
    case 'partial':
      return 'was answered OK though the drive landed only a part';
    case 'elsewhere':
      return 'was answered OK though the drive landed it elsewhere';
    case 'ignored':
      return 'was answered OK though the drive persisted nothing';
    case 'dropped':
      return 'dropped what it covered';
    case 'whole':
    case 'persisted':
      return 'was answered OK';
  }
}

function describeWrite({ lba, blockCount, fua, device }: SubmitEvent): string {
  const request = fua ? 'FUA write' : 'write';
  const blocks = `${blockCount} ${nounFor(blockCount, 'block')}`;
  return `a ${request} of ${blocks} at LBA ${lba} of drive ${device} carries it`;
}

function describeCompletion(completion: CompleteEvent): string {
  if (completion.answer === 'ok' && completion.effect === 'whole') return 'the write completes';
  return `the write ${fateOf(completion)}`;
}

function describeFlush(completion: CompleteEvent): string {
  if (completion.effect === 'persisted') return 'the flush completes: the write is durable';
  return `the flush ${fateOf(completion)}`;
}

function stepOf(event: HistoryEvent, what: ProofStep['what'], text: string): ProofStep {
  return { what, seq: event.seq, atNs: event.atNs, text };
}
