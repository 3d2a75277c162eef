import { describe, expect, test } from 'vitest';
import { judgeTail, type NextBatch, type TailEvidence } from './tail-rules.ts';

const nextBatches: readonly NextBatch[] = ['unwritten', 'unfinished', 'rotten', 'unchained'];

const honest: TailEvidence = {
  lastLsn: 100,
  durableLsn: 100,
  endPageSeq: 80,
  claimedEnd: 80,
  newestCurrent: 79,
  windowPages: 16,
  next: 'unwritten',
};

interface Row {
  readonly missing: 'nothing' | 'durable' | 'claimed';
  readonly newest: 'before the end' | 'in the window' | 'beyond it';
  readonly next: NextBatch;
}

const rows: readonly Row[] = (['nothing', 'durable', 'claimed'] as const).flatMap((missing) =>
  (['before the end', 'in the window', 'beyond it'] as const).flatMap((newest) =>
    nextBatches.map((next) => ({ missing, newest, next })),
  ),
);

function evidenceOf({ missing, newest, next }: Row): TailEvidence {
  return {
    ...honest,
    durableLsn: missing === 'durable' ? 101 : 100,
    claimedEnd: missing === 'claimed' ? 81 : 80,
    newestCurrent: { 'before the end': 79, 'in the window': 95, 'beyond it': 96 }[newest],
    next,
  };
}

/** The table of JOURNAL-ENGINE §4.6 once more, as a lookup. */
function ruleOf({ missing, newest, next }: Row): string {
  if (missing !== 'nothing') return 'corrupt R1';
  if (newest === 'beyond it') return 'corrupt R2';
  if (next === 'unwritten') return newest === 'in the window' ? 'torn R4' : 'clean R5';
  return { unfinished: 'torn R4', rotten: 'corrupt R3', unchained: 'corrupt chain' }[next];
}

describe('every combination of evidence has the verdict of the table (R1 to R5)', () => {
  test.each(rows)('$missing missing, newest page $newest, next batch $next', (row) => {
    const { end, rule } = judgeTail(evidenceOf(row));
    expect(`${end} ${rule}`).toBe(ruleOf(row));
  });
});
