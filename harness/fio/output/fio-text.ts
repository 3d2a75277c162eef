import { isSupported, samplesFor } from '../../measure/statistics/percentile-support.ts';
import { roundsOfSeries, steadyStateOf } from '../../measure/steady-state.ts';
import type { JobResult } from '../data-plane/job-result.ts';
import { meanNs, percentileNs, type LatencyRecord } from '../data-plane/latency-buckets.ts';
import { directions, type Direction, type FioJob } from '../job.ts';
import { figuresOf, opsOf, type GroupFigures, type JobGroup } from './job-groups.ts';
import { accessWord, blockSizeWords } from './job-option-words.ts';
import { byteWords, countWords, timeWords } from './number-words.ts';
import { preconditioningWords, type Preconditioning } from './preconditioning.ts';

/** A paragraph, or rows of a table. */
export type TextPart = string | readonly (readonly string[])[];

/** One job or group as a person reads it: what ran, how fast, how long each operation took. */
export function jobText(group: JobGroup, before: readonly Preconditioning[]): readonly TextPart[] {
  const figures = figuresOf(group);
  return [
    headline(group),
    rateTable(figures),
    latencyTable(figures),
    [...notes(group, figures), ...before.map(preconditioningWords)].map((note) => [`  ${note}`]),
  ];
}

function headline({ results }: JobGroup): string {
  const [{ job, engine, mode, endedBy, runtimeNs }] = results;
  const jobs = results.length === 1 ? '' : ` × ${results.length}`;
  const loop =
    mode.loop === 'open'
      ? 'open loop, latency from the intended time'
      : mode.isPaced
        ? 'paced, latency from the moment of submission'
        : 'closed loop';
  return (
    `${job.name}${jobs}: ${accessWord(job)} ${blockSizeWords(job)}, iodepth ${job.queue.depth}, ` +
    `${engine.asked}${engine.asked === engine.ran ? '' : ` (on ${engine.ran})`}, ` +
    `${job.engine.isDirect ? 'direct' : 'buffered'}, ` +
    `${mode.registersBuffers ? 'registered buffers, ' : ''}${loop}, ${timeWords(runtimeNs)}` +
    processorWords(results.map(({ job: { processors } }) => processors)) +
    (endedBy === 'done' || endedBy === 'runtime' ? '' : `, ended by: ${endedBy}`)
  );
}

/** Nothing where the system decides. */
function processorWords(processors: readonly FioJob['processors'][]): string {
  const named = new Set(processors.flatMap((list) => list ?? []));
  if (named.size === 0) return '';
  return `, on CPU ${[...named].sort((one, other) => one - other).join(',')}`;
}

function rateTable(figures: GroupFigures): readonly (readonly string[])[] {
  const { runtimeNs, sync } = figures;
  const perSecond = (count: number): number => (runtimeNs === 0 ? 0 : (count * 1e9) / runtimeNs);
  const used = directions.filter((direction) => figures.directions[direction].ops > 0);
  return [
    ['  ', 'per second', 'bandwidth', 'operations', 'bytes'],
    ...used.map((direction) => {
      const { ops, bytes } = figures.directions[direction];
      const rate = `${byteWords(perSecond(bytes))}/s`;
      return [`  ${direction}`, countWords(perSecond(ops)), rate, grouped(ops), byteWords(bytes)];
    }),
    ...(sync.durable.count === 0
      ? []
      : [
          ['  durable', countWords(perSecond(sync.durable.count)), '', grouped(sync.durable.count)],
        ]),
    ...(sync.ops === 0 ? [] : [['  sync', countWords(perSecond(sync.ops)), '', grouped(sync.ops)]]),
  ];
}

const shownPercentiles = [50, 90, 99, 99.9, 99.99] as const;

function latencyTable(figures: GroupFigures): readonly (readonly string[])[] {
  return [
    ['  latency', 'mean', ...shownPercentiles.map((percent) => `p${percent}`), 'max'],
    ...latenciesOf(figures).map(([name, record]) => [
      `  ${name}`,
      timeWords(meanNs(record)),
      ...shownPercentiles.map((percent) =>
        isSupported(percent, record.count) ? timeWords(percentileNs(record, percent)) : '–',
      ),
      timeWords(record.maxNs),
    ]),
  ];
}

function latenciesOf(figures: GroupFigures): readonly (readonly [string, LatencyRecord])[] {
  const { sync } = figures;
  const ofDirection = (direction: Direction): readonly (readonly [string, LatencyRecord])[] => {
    const { submission, completion, total, intended } = figures.directions[direction];
    return [
      [`${direction} submission`, submission],
      // Where one call submits and waits, completion is the whole and is not said twice.
      ...(submission.count === 0 ? [] : ([[`${direction} completion`, completion]] as const)),
      [`${direction} total`, total],
      [`${direction} since its time`, intended],
    ];
  };
  return [
    ...directions.flatMap(ofDirection),
    ['sync' as const, sync.latency] as const,
    ['write until durable', sync.durable] as const,
  ].filter(([, record]) => record.count > 0);
}

function notes({ results }: JobGroup, figures: GroupFigures): readonly string[] {
  const { cpu, sync, jobTimeNs } = figures;
  const [first] = results;
  const ops = directions.reduce((sum, direction) => sum + figures.directions[direction].ops, 0);
  const cpuNs = cpu.userNs + cpu.systemNs + cpu.ringWorkersNs;
  const percent = (part: number): string => `${((100 * part) / (jobTimeNs || 1)).toFixed(1)} %`;
  const thinnest = shownPercentiles.find(
    (value) => !latenciesOf(figures).every(([, record]) => isSupported(value, record.count)),
  );
  return [
    ops === 0
      ? 'no operation was completed'
      : `CPU: ${timeWords(cpuNs / ops)} an operation (user ${percent(cpu.userNs)}, ` +
        `system ${percent(cpu.systemNs)}, kernel workers ${percent(cpu.ringWorkersNs)})`,
    ...(thinnest === undefined
      ? []
      : [`–: fewer samples than ${grouped(samplesFor(thinnest))} for p${thinnest}`]),
    ...(sync.uncoveredWrites === 0 || sync.ops === 0
      ? []
      : [
          `${grouped(sync.uncoveredWrites)} writes were followed by no sync: not known to be durable`,
        ]),
    ...steadyNote(figures),
    ...targetNotes(results),
    ...(first.engine.note === '' ? [] : [first.engine.note]),
    ...troubles(results, figures),
    `operations: digest ${results.map(({ issuedDigest }) => issuedDigest).join(' ')}, ` +
      `seed ${first.seed}`,
  ];
}

function steadyNote(figures: GroupFigures): readonly string[] {
  const { attained, window } = steadyStateOf(
    roundsOfSeries(opsOf(figures), figures.series.bucketNs),
  );
  if (window === undefined) return ['steady state: too short to tell'];
  const words =
    `within ${(100 * window.excursion).toFixed(1)} %, ` +
    `slope ${(100 * window.slope).toFixed(1)} % (limits 20 % and 10 % over 5 rounds)`;
  return [`steady state: ${attained ? 'attained' : 'not attained'}, ${words}`];
}

function targetNotes(results: readonly JobResult[]): readonly string[] {
  const seen = new Map(results.flatMap(({ targets }) => targets).map((use) => [use.path, use]));
  return [...seen.values()].map(({ path, kind, layout, note }) => {
    const how = layout === 'none' ? '' : `, ${layout}`;
    return `on ${path}: ${kind}${how}${note === '' ? '' : `; ${note}`}`;
  });
}

function troubles(results: readonly JobResult[], figures: GroupFigures): readonly string[] {
  const { firstError, errorCount } = figures;
  const checked = results.flatMap(({ verification }) => verification ?? []);
  const faults = checked.flatMap((one) => one.faults);
  const faultCount = checked.reduce((sum, one) => sum + one.faultCount, 0);
  const bytes = checked.reduce((sum, one) => sum + one.bytes, 0);
  return [
    ...(firstError === undefined
      ? []
      : [
          `${grouped(errorCount)} operations failed, the first: ${firstError.operation} of ` +
            `${firstError.byteCount} bytes at ${firstError.byteOffset} of ${firstError.path}: ${firstError.errno}`,
        ]),
    ...(checked.length === 0
      ? []
      : [
          `verified ${byteWords(bytes)}: ${faultCount === 0 ? 'all as written' : `${grouped(faultCount)} faults`}`,
        ]),
    ...faults
      .slice(0, 10)
      .map(
        ({ kind, byteOffset, byteCount, path }) =>
          `  ${kind}: ${byteCount} bytes at ${byteOffset} of ${path}`,
      ),
    ...checked.flatMap(({ note }) => (note === '' ? [] : [note])),
  ];
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}
