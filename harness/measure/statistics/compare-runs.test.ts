import { expect, test } from 'vitest';
import { compareRuns, type ComparableRound, type ComparableRun } from './compare-runs.ts';
import type { Metric } from './metric.ts';

const options = { keepsTainted: false, strictness: 'night' } as const;
const calm = { stealPart: 0, foreignCpuPart: 0, spinNs: 1000 };
const busy = { ...calm, foreignCpuPart: 0.5 };

function iops(value: number): Metric {
  const comparison = { by: 'timing', relevantChange: 0.05 } as const;
  return { name: 'a write.iops', unit: '1/s', better: 'higher', comparison, value };
}

function flushes(value: number): Metric {
  const comparison = { by: 'counter', tolerance: 0.01 } as const;
  return { name: 'a flushes per write', unit: '1', better: 'lower', comparison, value };
}

function runOf(
  name: string,
  values: readonly number[],
  change: Partial<ComparableRun> = {},
): ComparableRun {
  const rounds = values.map((value, round): ComparableRound => ({
    round,
    weather: calm,
    metrics: [iops(value), flushes(1)],
  }));
  return {
    name,
    session: 'one',
    circumstances: { kernel: '6.1' },
    rounds,
    durability: [],
    ...change,
  };
}

const around = (value: number, count = 12): number[] =>
  Array.from({ length: count }, (_, at) => value * (1 + 0.002 * ((at * 5) % 7)));

test('a slower candidate is worse, and what did not change is no difference', () => {
  const result = compareRuns(runOf('A', around(1000)), runOf('B', around(850)), options);
  expect(result.arePaired).toBe(true);
  expect(result.metrics.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['a write.iops', 'worse'],
    ['a flushes per write', 'no difference'],
  ]);
  expect(result.metrics[0]!.ratio!.estimate).toBeCloseTo(0.85, 2);
  expect(result.warnings).toEqual([]);
});

test('runs that were not made in turn are compared without pairs, with a warning', () => {
  const candidate = runOf('B', around(850), { session: 'two' });
  const result = compareRuns(runOf('A', around(1000)), candidate, options);
  expect(result.arePaired).toBe(false);
  expect(result.metrics[0]!.verdict).toBe('worse');
  expect(result.warnings[0]).toContain('not made in turn');
});

test('a round in which the machine was busy on either side is dropped with its pair', () => {
  const reference = runOf('A', around(1000));
  const spoilt = runOf('B', around(1000));
  const rounds = spoilt.rounds.map((round) =>
    round.round === 3 ? { ...round, weather: busy, metrics: [iops(10), flushes(1)] } : round,
  );
  const result = compareRuns(reference, { ...spoilt, rounds }, options);
  expect(result).toMatchObject({ roundsUsed: [11, 11], roundsDropped: 1 });
  expect(result.metrics[0]!.verdict).toBe('no difference');
});

test('where too many rounds are tainted, timings are invalid and counters still count', () => {
  const reference = runOf('A', around(1000));
  const candidate = runOf('B', around(500));
  const rounds = candidate.rounds.map((round) =>
    round.round < 5 ? { ...round, weather: busy } : round,
  );
  const result = compareRuns(reference, { ...candidate, rounds }, options);
  expect(result.metrics.map(({ verdict }) => verdict)).toEqual(['invalid', 'no difference']);
  const kept = compareRuns(reference, { ...candidate, rounds }, { ...options, keepsTainted: true });
  expect(kept.metrics[0]!.verdict).toBe('worse');
});

test('a claim that one of many comparisons makes by chance is taken back at the gate', () => {
  const many = (value: number): readonly Metric[] => [
    iops(value),
    ...Array.from({ length: 40 }, (_, at) => ({ ...iops(1000 + at), name: `other ${at}` })),
  ];
  // Nine pairs: the smallest p-value there can be is 1/512.
  const side = (name: string, values: readonly number[]): ComparableRun => ({
    ...runOf(name, values),
    rounds: values.map((value, round) => ({ round, weather: calm, metrics: many(value) })),
  });
  const result = compareRuns(side('A', around(1000, 9)), side('B', around(800, 9)), {
    ...options,
    strictness: 'gate',
  });
  expect(result.metrics[0]).toMatchObject({ verdict: 'inconclusive' });
  expect(result.metrics[0]!.note).toContain('among 41 comparisons');
});

test('what changed around the code is said', () => {
  const candidate = runOf('B', around(1000), { circumstances: { kernel: '6.18', node: 'v20' } });
  expect(compareRuns(runOf('A', around(1000)), candidate, options).circumstances).toEqual([
    { name: 'kernel', reference: '6.1', candidate: '6.18' },
  ]);
  const silent = runOf('B', around(1000), { circumstances: { fio: '3.33' } });
  const { circumstances, warnings } = compareRuns(runOf('A', around(1000)), silent, options);
  expect(circumstances).toEqual([]);
  expect(warnings).toEqual([
    'it cannot be told whether both sides were made on the same machine: one does not say',
  ]);
});

test('a lost write on one side decides, and a bound is given where none was lost', () => {
  const cuts = (failedCuts: number): Partial<ComparableRun> => ({
    durability: [{ name: 'cell', cuts: 30, failedCuts }],
  });
  const result = compareRuns(runOf('A', [1], cuts(0)), runOf('B', [1], cuts(1)), options);
  expect(result.durability[0]).toMatchObject({ verdict: 'worse' });
  expect(result.durability[0]!.reference.failureProbabilityMax).toBeCloseTo(0.095, 3);
  const better = compareRuns(runOf('A', [1], cuts(2)), runOf('B', [1], cuts(0)), options);
  expect(better.durability[0]!.verdict).toBe('better');
});

test('rounds that only one side has make no pair, and metrics that one side lacks are named', () => {
  const reference = runOf('A', around(1000, 13));
  const candidate = runOf('B', around(1000));
  const fewer = candidate.rounds.map((round) => ({ ...round, metrics: [iops(1000)] }));
  const result = compareRuns(reference, { ...candidate, rounds: fewer }, options);
  expect(result.roundsUsed).toEqual([12, 12]);
  expect(result.metrics.map(({ name }) => name)).toEqual(['a write.iops']);
  expect(result.warnings).toEqual(['only in A: a flushes per write']);
});
