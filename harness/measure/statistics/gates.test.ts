import { describe, expect, test } from 'vitest';
import { compareCounters } from './counter-gate.ts';
import { durabilityGate } from './durability-gate.ts';
import { alphaOfLook } from './gate-constants.ts';
import { falseDiscoveryStands, familywiseStands } from './many-comparisons.ts';
import { isSupported, samplesFor } from './percentile-support.ts';
import { cleanRounds, taintsOf } from './round-taint.ts';
import { signedRankEstimate } from './signed-rank.ts';
import { compareTimings, decide, runsNeeded } from './timing-gate.ts';

describe('durability', () => {
  test('one failed cut is enough, and then no bound is given', () => {
    expect(durabilityGate(300, 1)).toMatchObject({
      passed: false,
      failureProbabilityMax: undefined,
    });
  });

  test('without a failure the bound is about three over the number of cuts', () => {
    expect(durabilityGate(300, 0).failureProbabilityMax).toBeCloseTo(0.00994, 5);
    expect(durabilityGate(3000, 0).failureProbabilityMax).toBeCloseTo(0.000998, 6);
    expect(durabilityGate(0, 0)).toMatchObject({ passed: true, failureProbabilityMax: 1 });
  });
});

describe('counters', () => {
  test('a change within the tolerance is none, and one beyond it has a direction', () => {
    const verdictOf = (candidate: number): string =>
      compareCounters(1000, candidate, 'lower', 0.005).verdict;
    expect(verdictOf(1005)).toBe('no difference');
    expect(verdictOf(1006)).toBe('worse');
    expect(verdictOf(994)).toBe('better');
    expect(compareCounters(0, 0, 'lower', 0.005)).toEqual({
      verdict: 'no difference',
      ratio: undefined,
    });
    expect(compareCounters(0, 1, 'lower', 0.005).verdict).toBe('worse');
    expect(compareCounters(10, 20, 'higher', 0.005).verdict).toBe('better');
  });
});

describe('percentiles', () => {
  test('a percentile needs a hundred samples on its thinner side', () => {
    expect([50, 90, 99, 99.9, 99.99].map(samplesFor)).toEqual([
      200, 1000, 10_000, 100_000, 1_000_000,
    ]);
    expect(isSupported(99, 9999)).toBe(false);
    expect(isSupported(99, 10_000)).toBe(true);
    expect(isSupported(100, 1e9)).toBe(false);
  });
});

describe('timings', () => {
  test('the known example of nine patients has the published estimate and interval', () => {
    // Hollander, Wolfe and Chicken, example 3.1: depression scores before and after, level 0.961.
    const before = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    const { estimate, lower, upper, confidenceOfEach } = signedRankEstimate(
      after.map((value, at) => value - before[at]!),
      0.02,
    );
    expect(estimate).toBeCloseTo(-0.46, 3);
    expect(lower).toBeCloseTo(-0.786, 3);
    expect(upper).toBeCloseTo(-0.01, 3);
    expect(2 * confidenceOfEach - 1).toBeCloseTo(0.961, 3);
  });

  const paired = { arePaired: true, better: 'higher', relevantChange: 0.05 } as const;
  const near = (value: number): number[] =>
    Array.from({ length: 12 }, (_, at) => value * (1 + 0.001 * (at % 5)));

  test('the ratio is of the candidate over the reference, and worse depends on the metric', () => {
    const samples = { ...paired, reference: near(100), candidate: near(80) };
    expect(compareTimings(samples)).toMatchObject({ verdict: 'worse', note: '' });
    expect(compareTimings(samples).ratio?.estimate).toBeCloseTo(0.8, 9);
    expect(compareTimings({ ...samples, better: 'lower' }).verdict).toBe('better');
  });

  test('a change that is certain but too small to matter is no difference', () => {
    const result = compareTimings({ ...paired, reference: near(100), candidate: near(98) });
    expect(result.verdict).toBe('no difference');
    expect(result.pWorse).toBeLessThan(0.001);
  });

  test('too few runs have no bound and no verdict, however far the sides lie apart', () => {
    const result = compareTimings({
      ...paired,
      reference: [100, 100, 100, 100, 100, 100, 100, 100],
      candidate: [50, 50, 50, 50, 50, 50, 50, 50],
    });
    expect(result.verdict).toBe('inconclusive');
    expect(result.ratio).toMatchObject({ lower: 0, upper: Infinity });
    expect(result.note).toBe('8 pairs are too few for a bound, at least 9 pairs are needed');
    expect(runsNeeded(true)).toBe(9);
    expect(runsNeeded(false)).toBe(6);
  });

  test('a value that is not above 0 makes the comparison invalid and not better', () => {
    const result = compareTimings({
      ...paired,
      better: 'lower',
      reference: near(10),
      candidate: new Array<number>(12).fill(0),
    });
    expect(result).toMatchObject({ verdict: 'invalid', ratio: undefined });
  });

  test('each verdict has its place on the line', () => {
    const at = (estimate: number, lower: number, upper: number): string =>
      decide({ estimate, lower, upper, confidenceOfEach: 1 - alphaOfLook }, 0.05);
    expect(at(0.1, 0.02, 0.2)).toBe('worse');
    expect(at(0.1, -0.02, 0.2)).toBe('inconclusive');
    expect(at(0.03, 0.02, 0.06)).toBe('inconclusive');
    expect(at(0, -0.04, 0.04)).toBe('no difference');
    expect(at(0, -0.1, 0.04)).toBe('not worse');
    expect(at(-0.1, -0.2, -0.02)).toBe('better');
  });
});

describe('many comparisons', () => {
  test('the steps of both procedures are those of the literature', () => {
    // Benjamini and Hochberg 1995, section 3.2.
    const pValues = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719,
      0.6528, 0.759, 1,
    ];
    expect(falseDiscoveryStands(pValues, 0.05).filter(Boolean)).toHaveLength(4);
    expect(familywiseStands(pValues, 0.05).filter(Boolean)).toHaveLength(3);
  });

  test('the marks are in the order of the input', () => {
    expect(falseDiscoveryStands([0.9, 0.001], 0.05)).toEqual([false, true]);
    expect(familywiseStands([], 0.05)).toEqual([]);
  });
});

describe('the machine', () => {
  const clean = { stealPart: 0, foreignCpuPart: 0.01, spinNs: 1000 };

  test('a round in which others took the processor is tainted, with the reason', () => {
    const rounds = [clean, { ...clean, foreignCpuPart: 0.2 }, clean, { ...clean, spinNs: 1100 }];
    expect(taintsOf(rounds).map((taint) => taint.length)).toEqual([0, 1, 0, 1]);
    expect(taintsOf(rounds)[1]).toEqual(['other processes took 20.0 % of the CPU time']);
    expect(cleanRounds([clean, clean, clean, clean, ...rounds])).toEqual([0, 1, 2, 3, 4, 6]);
  });

  test('where more than three rounds in ten are tainted, none is looked at', () => {
    const bad = { ...clean, stealPart: 0.05 };
    expect(cleanRounds([clean, clean, bad])).toBeUndefined();
  });

  test('what a machine does not say taints nothing', () => {
    const silent = { stealPart: undefined, foreignCpuPart: undefined, spinNs: undefined };
    expect(cleanRounds([silent, silent])).toEqual([0, 1]);
  });
});
