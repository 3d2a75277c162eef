import type {
  CrashWindow,
  EventSeq,
  FaultFiring,
  HistoryView,
  LedgerPosition,
} from '../contract/index.ts';
import type { CrashState } from './crash-states.ts';

/** Moments at which a state may be left and the same promise is in force: to be judged once. */
export interface JudgedWindow {
  readonly window: CrashWindow;
  readonly firstSeq: EventSeq;
  /** The last event of the window, at most the last of the history. */
  readonly lastSeq: EventSeq;
  /** The faults that had fired by its first event. */
  readonly firings: readonly FaultFiring[];
}

interface Landmarks {
  readonly markSeqs: readonly EventSeq[];
  readonly positions: readonly LedgerPosition[];
  readonly faultSeqs: readonly EventSeq[];
  readonly firings: readonly FaultFiring[];
  /** Where a fault fires that differs from those before it by plug-in, class or area. */
  readonly turnSeqs: readonly EventSeq[];
  readonly end: EventSeq;
}

const landmarksOf = new WeakMap<HistoryView, Landmarks>();

/**
 * Where in the ledger the state can have been left: its windows, cut where a fault of another kind or
 * in another area begins to count, as the promise depends on these.
 *
 * Where drives lose power apart, a window counts the moment of the last cut (unit-versions.ts). That
 * is the moment that matters to a caller: what was acknowledged between the cuts was acknowledged to
 * somebody who was there to hear it, whichever drive it lay on, and what was invoked between them may
 * be found. The caller never learns of the first cut but through the engine.
 */
export function ledgerWindowsOf(
  history: HistoryView,
  { windows }: Pick<CrashState, 'windows'>,
): JudgedWindow[] {
  const landmarks = readLandmarks(history);
  return windows.flatMap(({ firstSeq, endSeq }) => {
    const lastSeq = Math.min(endSeq - 1, landmarks.end);
    const turns = landmarks.turnSeqs.slice(
      countUpTo(landmarks.turnSeqs, firstSeq),
      countUpTo(landmarks.turnSeqs, lastSeq),
    );
    const starts = [firstSeq, ...turns];
    return starts.map((start, place) =>
      judgedWindow(landmarks, start, (starts[place + 1] ?? lastSeq + 1) - 1),
    );
  });
}

function judgedWindow(landmarks: Landmarks, firstSeq: EventSeq, lastSeq: EventSeq): JudgedWindow {
  const { faultSeqs, firings } = landmarks;
  const window = {
    first: positionAt(landmarks, firstSeq),
    last: positionAt(landmarks, lastSeq),
  };
  return { window, firstSeq, lastSeq, firings: firings.slice(0, countUpTo(faultSeqs, firstSeq)) };
}

function positionAt({ markSeqs, positions }: Landmarks, seq: EventSeq): LedgerPosition {
  return positions[countUpTo(markSeqs, seq) - 1] ?? 0;
}

/** How many of the ascending numbers are at most `seq`. */
function countUpTo(ascending: readonly EventSeq[], seq: EventSeq): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A history only grows, so landmarks hold while its end is the same. */
function readLandmarks(history: HistoryView): Landmarks {
  const known = landmarksOf.get(history);
  if (known?.end === history.events.length) return known;
  const marks = history.events.filter((event) => event.kind === 'mark');
  const faults = history.events.filter((event) => event.kind === 'fault');
  const kinds = new Set<string>();
  const turns = faults.filter(({ firing: { fault, faultClass, area } }) => {
    const before = kinds.size;
    kinds.add(JSON.stringify([fault, faultClass, area]));
    return kinds.size > before;
  });
  const landmarks = {
    markSeqs: marks.map((event) => event.seq),
    positions: marks.map((event) => event.position),
    faultSeqs: faults.map((event) => event.seq),
    firings: faults.map((event) => event.firing),
    turnSeqs: turns.map((event) => event.seq),
    end: history.events.length,
  };
  landmarksOf.set(history, landmarks);
  return landmarks;
}
