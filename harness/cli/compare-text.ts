import type {
  DurabilityComparison,
  MetricComparisonResult,
  RunComparison,
} from '../measure/statistics/compare-runs.ts';
import { byteWords, countWords, timeWords } from '../fio/output/number-words.ts';
import { formatTable } from './text-table.ts';

/** A comparison for people: the changes are of the candidate against the reference. */
export function comparisonText(comparison: RunComparison): string {
  const { reference, candidate, durability, metrics, circumstances, warnings } = comparison;
  return [
    `${candidate} against ${reference}: ${roundWords(comparison)}\n`,
    ...(circumstances.length === 0
      ? []
      : [
          'not the same on both sides, so a difference may come from it:\n' +
            formatTable(
              circumstances.map((one) => [`  ${one.name}`, one.reference, '→', one.candidate]),
            ),
        ]),
    ...(durability.length === 0 ? [] : [formatTable(durability.map(durabilityRow))]),
    metrics.length === 0 ? 'the runs have no figure in common\n' : metricTable(metrics),
    ...warnings.map((warning) => `warning: ${warning}\n`),
  ].join('\n');
}

function roundWords({ arePaired, roundsUsed, roundsDropped }: RunComparison): string {
  const [ones, others] = roundsUsed;
  const used = arePaired
    ? `${countOf(ones, 'pair')} of runs`
    : `${countOf(others, 'run')} against ${ones}, not in pairs`;
  return roundsDropped === 0
    ? used
    : `${used}; ${roundsDropped} left out, the machine was busy with something else`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function durabilityRow({
  name,
  verdict,
  reference,
  candidate,
}: DurabilityComparison): readonly string[] {
  const words = ({ passed, failedCuts, cuts, failureProbabilityMax }: typeof candidate): string =>
    passed
      ? `kept its promise in ${cuts}, failure at most ${percentWords(failureProbabilityMax ?? 1)} of cuts`
      : `failed ${failedCuts} of ${cuts}`;
  return [`  ${name}`, verdict, words(reference), '→', words(candidate)];
}

function metricTable(metrics: readonly MetricComparisonResult[]): string {
  return formatTable([
    ['  figure', 'reference', 'candidate', 'change', 'interval', 'verdict', ''],
    ...metrics.map((metric) => [
      `  ${metric.name}`,
      valueWords(metric.reference, metric.unit),
      valueWords(metric.candidate, metric.unit),
      metric.ratio === undefined ? '' : changeWords(metric.ratio.estimate),
      intervalWords(metric),
      metric.verdict,
      metric.note,
    ]),
  ]);
}

function intervalWords({ kind, ratio, relevantChange }: MetricComparisonResult): string {
  if (kind === 'counter') return `counted, ±${percentWords(relevantChange)}`;
  if (ratio === undefined || ratio.lower === 0) return 'no bound';
  return `${changeWords(ratio.lower)} to ${changeWords(ratio.upper)}`;
}

function changeWords(ratio: number): string {
  const percent = 100 * (ratio - 1);
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

function percentWords(part: number): string {
  return `${Number((100 * part).toPrecision(2))} %`;
}

function valueWords(value: number, unit: string): string {
  if (unit === 'ns') return timeWords(value);
  if (unit === 'B/s') return `${byteWords(value)}/s`;
  return unit === '1/s' ? `${countWords(value)}/s` : value.toPrecision(4);
}
