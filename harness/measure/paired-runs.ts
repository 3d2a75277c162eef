import assert from 'node:assert/strict';
import type { BenchmarkBar, BenchmarkRow } from './benchmark.ts';

/** One run of each side, one after the other, so that both saw much the same machine. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
}

/** What pairs of runs come to: the median, and how far the single pairs lie apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Pairs of runs in `full` size; a median of fewer says little on a machine that others share. */
export const pairsOfFullSize = 5;

export function spreadOf(values: readonly number[]): Spread {
  assert(values.length > 0, 'a median of nothing');
  const ascending = [...values].sort((a, b) => a - b);
  const middle = ascending.length >> 1;
  const upper = ascending[middle]!;
  const median = ascending.length % 2 === 1 ? upper : (ascending[middle - 1]! + upper) / 2;
  return { median, least: ascending[0]!, most: ascending.at(-1)! };
}

export interface BarOfPairs {
  readonly what: string;
  readonly unit: string;
  /** How the two sides are set against each other in each pair. */
  compare(pair: Pair): number;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  /** What the peer is, for the note. */
  readonly peer: string;
}

/** The peer is the same program each time: where its runs lie further apart, the machine was busy. */
const peerSpreadMax = 1.5;
/** Part of the pairs that must agree with their median. */
const agreementMin = 0.8;

/**
 * The median over the pairs against the bar; the note has the spread and both sides' medians. Where
 * the pairs do not agree, or the peer not with itself, nothing is claimed.
 */
export function rowOfPairs(pairs: readonly Pair[], bar: BarOfPairs): BenchmarkRow {
  const values = pairs.map((pair) => bar.compare(pair));
  const compared = spreadOf(values);
  const ours = spreadOf(pairs.map((pair) => pair.ours));
  const peer = spreadOf(pairs.map((pair) => pair.peer));
  const ofMedian = barOf(compared.median, bar.bound);
  const agreeing = values.filter((value) => barOf(value, bar.bound).verdict === ofMedian.verdict);
  const isSteady = peer.most <= peerSpreadMax * peer.least;
  const isSure = isSteady && agreeing.length >= agreementMin * values.length;
  return {
    what: bar.what,
    value: compared.median,
    unit: bar.unit,
    bar: isSure ? ofMedian : { ...ofMedian, verdict: 'inconclusive' },
    note:
      `${shown(compared.least)} to ${shown(compared.most)} over ${pairs.length} pairs; ` +
      `${shown(ours.median)} against ${shown(peer.median)} of ${bar.peer}` +
      (isSteady ? '' : `, whose own runs went from ${shown(peer.least)} to ${shown(peer.most)}`),
  };
}

export function barOf(value: number, bound: BarOfPairs['bound']): BenchmarkBar {
  const isMet = 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
  const expected = 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
  return { expected, verdict: isMet ? 'met' : 'missed' };
}

/** Three digits, or a whole number with separators. */
export function shown(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
