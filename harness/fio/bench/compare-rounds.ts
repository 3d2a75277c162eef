import { signedRankEstimate } from '../../measure/statistics/signed-rank.ts';
import type { Bar } from './compared-load.ts';
import type { Figures } from './measure-side.ts';

/** One round: each side once, and fio a second time, in an order that chance has picked. */
export interface Round {
  readonly ours: Figures;
  readonly fio: Figures;
  readonly fioAgain: Figures;
}

/** A quotient of two sides over all rounds, with exact bounds at 95 %. */
export interface Quotient {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Comparison {
  readonly bar: Bar;
  readonly oursToFio: Quotient;
  /** The noise floor: what fio comes to against itself. */
  readonly fioToFio: Quotient;
  readonly verdict: 'met' | 'within fio against fio' | 'missed' | 'inconclusive';
}

/** Of each bound, so that both together hold at 95 %. */
const alphaOfEach = 0.025;

export function compareRounds(rounds: readonly Round[], bar: Bar): Comparison {
  const quotient = (of: (round: Round) => number): Quotient => {
    const found = signedRankEstimate(rounds.map(of).map(Math.log), alphaOfEach);
    return {
      estimate: Math.exp(found.estimate),
      lower: Math.exp(found.lower),
      upper: Math.exp(found.upper),
    };
  };
  const oursToFio = quotient(({ ours, fio }) => ours[bar.figure] / fio[bar.figure]);
  const fioToFio = quotient(({ fio, fioAgain }) => fioAgain[bar.figure] / fio[bar.figure]);
  return { bar, oursToFio, fioToFio, verdict: verdictOf(bar, oursToFio, fioToFio) };
}

/**
 * Met or missed by the estimate; with too few rounds for an interval, or where the
 * interval of a miss holds the bound, too little has been seen.
 */
function verdictOf(
  { bound, orWithinNoise }: Bar,
  { estimate, lower, upper }: Quotient,
  noise: Quotient,
): Comparison['verdict'] {
  const isMet = 'atLeast' in bound ? estimate >= bound.atLeast : estimate <= bound.atMost;
  if (!Number.isFinite(upper)) return 'inconclusive';
  if (isMet) return 'met';
  if (orWithinNoise && estimate >= noise.lower && estimate <= noise.upper) {
    return 'within fio against fio';
  }
  const limit = 'atLeast' in bound ? bound.atLeast : bound.atMost;
  return lower <= limit && limit <= upper ? 'inconclusive' : 'missed';
}
