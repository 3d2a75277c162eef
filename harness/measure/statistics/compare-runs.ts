import { ascending, medianOfAscending } from './ascending.ts';
import type { ComparisonVerdict } from './comparison-verdict.ts';
import { compareCounters } from './counter-gate.ts';
import { durabilityGate, type DurabilityGate } from './durability-gate.ts';
import { gateConstants } from './gate-constants.ts';
import { falseDiscoveryStands, familywiseStands } from './many-comparisons.ts';
import type { Metric } from './metric.ts';
import { cleanRounds, type RoundWeather } from './round-taint.ts';
import { compareTimings, type RatioInterval, type TimingComparison } from './timing-gate.ts';

/** One side of a comparison, from whatever file it was read. */
export interface ComparableRun {
  readonly name: string;
  /** Rounds of two sides are pairs where both have the same session: they were made in turn. */
  readonly session: string | undefined;
  /** What must be the same for a difference to come from the code. */
  readonly circumstances: Readonly<Record<string, string>>;
  readonly rounds: readonly ComparableRound[];
  readonly durability: readonly CutCounts[];
}

export interface ComparableRound {
  readonly round: number;
  readonly weather: RoundWeather | undefined;
  readonly metrics: readonly Metric[];
}

export interface CutCounts {
  readonly name: string;
  readonly cuts: number;
  readonly failedCuts: number;
}

export interface CompareOptions {
  /** Look at rounds in which the machine was busy with something else as well. */
  readonly keepsTainted: boolean;
  /** `night`: few of the claims are false; `gate`: none is, with the same probability. */
  readonly strictness: 'night' | 'gate';
}

export interface RunComparison {
  readonly reference: string;
  readonly candidate: string;
  readonly arePaired: boolean;
  readonly roundsUsed: readonly [reference: number, candidate: number];
  readonly roundsDropped: number;
  readonly circumstances: readonly ChangedCircumstance[];
  readonly durability: readonly DurabilityComparison[];
  readonly metrics: readonly MetricComparisonResult[];
  readonly warnings: readonly string[];
}

export interface ChangedCircumstance {
  readonly name: string;
  readonly reference: string;
  readonly candidate: string;
}

export interface DurabilityComparison {
  readonly name: string;
  readonly verdict: ComparisonVerdict;
  readonly reference: DurabilityGate;
  readonly candidate: DurabilityGate;
}

export interface MetricComparisonResult {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'timing' | 'counter';
  readonly verdict: ComparisonVerdict;
  /** Medians over the rounds. */
  readonly reference: number;
  readonly candidate: number;
  readonly ratio: RatioInterval | undefined;
  /** Least change that matters, as a part: of a counter, its tolerance. */
  readonly relevantChange: number;
  readonly note: string;
}

/**
 * Sets a candidate against a reference, in the order of what matters: what was lost, then what hardly
 * varies, then what does. Rounds are dropped as whole pairs and before any result is looked at.
 */
export function compareRuns(
  reference: ComparableRun,
  candidate: ComparableRun,
  options: CompareOptions,
): RunComparison {
  const sides = chooseRounds(reference, candidate, options);
  const metrics = standing(
    sharedMetrics(sides).map((name) => compareMetric(name, sides)),
    options.strictness,
  );
  return {
    reference: reference.name,
    candidate: candidate.name,
    arePaired: sides.arePaired,
    roundsUsed: [sides.reference.length, sides.candidate.length],
    roundsDropped: sides.dropped,
    circumstances: changedCircumstances(reference, candidate),
    durability: compareDurability(reference, candidate),
    metrics,
    warnings: warningsOf(reference, candidate, sides),
  };
}

interface ChosenRounds {
  readonly arePaired: boolean;
  readonly reference: readonly ComparableRound[];
  readonly candidate: readonly ComparableRound[];
  readonly dropped: number;
  /** So many rounds were tainted that timings must not be looked at. */
  readonly isSpoilt: boolean;
}

function chooseRounds(
  reference: ComparableRun,
  candidate: ComparableRun,
  { keepsTainted }: CompareOptions,
): ChosenRounds {
  const arePaired = reference.session !== undefined && reference.session === candidate.session;
  const all = arePaired ? pairedRounds(reference, candidate) : { reference, candidate };
  const ones = arePaired ? all.reference.rounds : reference.rounds;
  const others = arePaired ? all.candidate.rounds : candidate.rounds;
  const plain = { arePaired, reference: ones, candidate: others, dropped: 0, isSpoilt: false };
  if (keepsTainted) return plain;
  const cleanOnes = cleanRounds(ones.map(weatherOf));
  const cleanOthers = cleanRounds(others.map(weatherOf));
  if (cleanOnes === undefined || cleanOthers === undefined) return { ...plain, isSpoilt: true };
  const both = cleanOnes.filter((index) => cleanOthers.includes(index));
  const kept = arePaired ? { ones: both, others: both } : { ones: cleanOnes, others: cleanOthers };
  const droppedPart = arePaired ? 1 - both.length / Math.max(1, ones.length) : 0;
  return {
    arePaired,
    reference: kept.ones.map((index) => ones[index]!),
    candidate: kept.others.map((index) => others[index]!),
    dropped: Math.max(ones.length - kept.ones.length, others.length - kept.others.length),
    isSpoilt: droppedPart > gateConstants.taintedPartMax,
  };
}

/** Rounds that both sides have, in order. */
function pairedRounds(
  reference: ComparableRun,
  candidate: ComparableRun,
): { readonly reference: ComparableRun; readonly candidate: ComparableRun } {
  const numbers = (run: ComparableRun): number[] => run.rounds.map(({ round }) => round);
  const shared = numbers(reference).filter((round) => numbers(candidate).includes(round));
  const only = (run: ComparableRun): ComparableRun => ({
    ...run,
    rounds: shared.map((number) => run.rounds.find(({ round }) => round === number)!),
  });
  return { reference: only(reference), candidate: only(candidate) };
}

function weatherOf({ weather }: ComparableRound): RoundWeather {
  return weather ?? { stealPart: undefined, foreignCpuPart: undefined, spinNs: undefined };
}

/** Names of metrics that every round of both sides has. */
function sharedMetrics({ reference, candidate }: ChosenRounds): readonly string[] {
  const rounds = [...reference, ...candidate];
  const names = (round: ComparableRound): string[] => round.metrics.map(({ name }) => name);
  const [first] = rounds;
  if (first === undefined || reference.length === 0 || candidate.length === 0) return [];
  return names(first).filter((name) => rounds.every((round) => names(round).includes(name)));
}

interface Judged {
  readonly result: MetricComparisonResult;
  /** Of the claim that was made; undefined where none was, or none by chance. */
  readonly pValue: number | undefined;
}

function compareMetric(name: string, sides: ChosenRounds): Judged {
  const metricOf = (round: ComparableRound): Metric =>
    round.metrics.find((metric) => metric.name === name)!;
  const model = metricOf(sides.reference[0]!);
  const reference = sides.reference.map((round) => metricOf(round).value);
  const candidate = sides.candidate.map((round) => metricOf(round).value);
  const medians = {
    name,
    unit: model.unit,
    reference: medianOfAscending(ascending(reference)),
    candidate: medianOfAscending(ascending(candidate)),
  };
  if (model.comparison.by === 'counter') return compareCounter(model, medians);
  const { relevantChange } = model.comparison;
  const { arePaired } = sides;
  const timing: TimingComparison = sides.isSpoilt
    ? spoilt
    : compareTimings({ reference, candidate, arePaired, better: model.better, relevantChange });
  const { verdict, ratio, note } = timing;
  return {
    result: { ...medians, kind: 'timing', verdict, ratio, relevantChange, note },
    pValue: verdict === 'worse' ? timing.pWorse : verdict === 'better' ? timing.pBetter : undefined,
  };
}

const spoilt: TimingComparison = {
  verdict: 'invalid',
  ratio: undefined,
  pWorse: undefined,
  pBetter: undefined,
  note: 'the machine was busy with something else in too many rounds',
};

function compareCounter(
  { better, comparison }: Metric,
  medians: Pick<MetricComparisonResult, 'name' | 'unit' | 'reference' | 'candidate'>,
): Judged {
  const tolerance = comparison.by === 'counter' ? comparison.tolerance : 0;
  const { verdict, ratio } = compareCounters(
    medians.reference,
    medians.candidate,
    better,
    tolerance,
  );
  const interval =
    ratio === undefined
      ? undefined
      : { estimate: ratio, lower: ratio, upper: ratio, confidenceOfEach: 1 };
  return {
    result: {
      ...medians,
      kind: 'counter',
      verdict,
      ratio: interval,
      relevantChange: tolerance,
      note: '',
    },
    pValue: undefined,
  };
}

/** Takes back claims that do not stand among so many comparisons. */
function standing(
  judged: readonly Judged[],
  strictness: CompareOptions['strictness'],
): readonly MetricComparisonResult[] {
  const stands = strictness === 'gate' ? familywiseStands : falseDiscoveryStands;
  // Every comparison of timings could have made a claim, also where it made none.
  const timings = judged.filter(({ result }) => result.kind === 'timing');
  const standingOnes = stands(
    timings.map(({ pValue }) => pValue ?? 1),
    gateConstants.falseDiscoveryRate,
  );
  return judged.map((one) => {
    const at = timings.indexOf(one);
    if (at === -1 || one.pValue === undefined || standingOnes[at] === true) return one.result;
    const note = `${one.result.verdict}, but among ${timings.length} comparisons that may be chance`;
    return { ...one.result, verdict: 'inconclusive', note };
  });
}

/** What only one side recorded says nothing of a change. */
function changedCircumstances(
  reference: ComparableRun,
  candidate: ComparableRun,
): readonly ChangedCircumstance[] {
  return Object.entries(reference.circumstances).flatMap(([name, before]) => {
    const now = candidate.circumstances[name];
    return now === undefined || now === before ? [] : [{ name, reference: before, candidate: now }];
  });
}

function compareDurability(
  reference: ComparableRun,
  candidate: ComparableRun,
): readonly DurabilityComparison[] {
  return candidate.durability.flatMap(({ name, cuts, failedCuts }) => {
    const other = reference.durability.find((counts) => counts.name === name);
    if (other === undefined) return [];
    const before = durabilityGate(other.cuts, other.failedCuts);
    const now = durabilityGate(cuts, failedCuts);
    const verdict: ComparisonVerdict =
      before.passed === now.passed ? 'no difference' : now.passed ? 'better' : 'worse';
    return [{ name, verdict, reference: before, candidate: now }];
  });
}

function warningsOf(
  reference: ComparableRun,
  candidate: ComparableRun,
  { arePaired, reference: ones, candidate: others }: ChosenRounds,
): readonly string[] {
  const hasTimings = [...ones, ...others].some(({ metrics }) =>
    metrics.some(({ comparison }) => comparison.by === 'timing'),
  );
  const names = (run: ComparableRun): Set<string> =>
    new Set([
      ...run.rounds.flatMap(({ metrics }) => metrics.map(({ name }) => name)),
      ...run.durability.map(({ name }) => name),
    ]);
  const isKnown = Object.keys(reference.circumstances).some(
    (name) => name in candidate.circumstances,
  );
  const lost = [...names(reference)].filter((name) => !names(candidate).has(name));
  return [
    ...(arePaired || !hasTimings
      ? []
      : [
          'the runs were not made in turn: a machine drifts, so that the same code differs from itself ' +
            'more often than the intervals say (powercut fio A.fio B.fio --repeat 12 runs them in turn)',
        ]),
    ...(isKnown
      ? []
      : ['it cannot be told whether both sides were made on the same machine: one does not say']),
    ...(lost.length === 0 ? [] : [`only in ${reference.name}: ${lost.join(', ')}`]),
  ];
}
