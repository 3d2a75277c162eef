import { fioDocument, type RoundGroup } from '../fio/output/fio-json.ts';
import { jobText } from '../fio/output/fio-text.ts';
import { groupResults } from '../fio/output/job-groups.ts';
import { latencyCsv } from '../fio/output/latency-csv.ts';
import { preconditioningOf } from '../fio/output/preconditioning.ts';
import { earlierThan, type FioRunReport, type ReportedRun } from '../fio/rounds/run-report.ts';
import type { VariantRun } from '../fio/rounds/run-rounds.ts';
import type { JobResult } from '../fio/data-plane/job-result.ts';
import { writeLevelRows } from '../measure/write-levels/write-levels-table.ts';
import { formatTable } from './text-table.ts';

export const outputFormats = ['normal', 'json', 'json+', 'csv', 'powercut'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** What was measured, in the form that was asked for; each is one document. */
export function fioAnswer(
  format: OutputFormat,
  runs: readonly VariantRun[],
  report: FioRunReport,
): string {
  switch (format) {
    case 'normal':
      return normalText(runs, report);
    case 'csv':
      return latencyCsv(groupsOf(runs));
    case 'powercut':
      return `${JSON.stringify(report, undefined, 2)}\n`;
    case 'json':
    case 'json+':
      return `${JSON.stringify(
        fioDocument(groupsOf(runs), {
          toolVersion: report.toolVersion,
          finishedAtMs: Date.now(),
          hasBins: format === 'json+',
          extension: report,
        }),
        undefined,
        2,
      )}\n`;
  }
}

function groupsOf(runs: readonly VariantRun[]): readonly RoundGroup[] {
  return runs.flatMap(({ round, variant, results }) =>
    groupResults(results).map((group) => ({ round, variant, group })),
  );
}

function normalText(runs: readonly VariantRun[], report: FioRunReport): string {
  const earlier: JobResult[] = [];
  const parts = runs.map((run, at) => {
    const text = runText(run, report.runs[at]!, earlier, runs.length > 1);
    earlier.push(...run.results);
    return text;
  });
  return `${mediumText(report)}${parts.join('\n')}\n${machineText(report)}`;
}

function runText(
  run: VariantRun,
  reported: ReportedRun,
  earlier: readonly JobResult[],
  isOneOfMany: boolean,
): string {
  const heading = isOneOfMany ? `== ${run.variant}, round ${run.round + 1}\n` : '';
  const jobs = groupResults(run.results).map((group) => {
    const before = preconditioningOf(group.results[0], earlierThan(group, run, earlier));
    return jobText(group, before)
      .map((part) => (typeof part === 'string' ? `${part}\n` : formatTable(part)))
      .join('');
  });
  const taints = reported.taints.map((taint) => `  not to be relied on: ${taint}\n`).join('');
  const levels = `bytes written, as each level counted them (whoever wrote):\n${formatTable(
    writeLevelRows(run.writeLevels).map(([level = '', ...cells]) => [`  ${level}`, ...cells]),
  )}`;
  return `${heading}${jobs.join('\n')}${taints}\n${engineText(run)}${levels}`;
}

function mediumText({ engineUnderTest }: FioRunReport): string {
  if (engineUnderTest === undefined) return '';
  const { name, medium, isSimulated } = engineUnderTest;
  const caution = isSimulated
    ? 'times are those of the simulation, and no figures of performance\n'
    : '';
  return `engine ${name} on ${medium}\n${caution}\n`;
}

/** How the engine was set up as it ran. */
function engineText({ engineFacts }: VariantRun): string {
  const facts = Object.entries(engineFacts ?? {});
  if (facts.length === 0) return '';
  return `the engine: ${facts.map(([name, value]) => `${name} ${value}`).join(', ')}\n\n`;
}

/** Without these the figures mean nothing on another machine. */
function machineText({ host, storage, runs, warnings }: FioRunReport): string {
  const sensors = Object.entries(runs.at(-1)?.temperatures ?? {});
  const temperatures =
    sensors.length === 0
      ? 'not reported by this machine'
      : sensors.map(([name, degrees]) => `${name} ${degrees} °C`).join(', ');
  const stolen = runs.map(({ weather }) => weather.stealPart);
  const steal = stolen.some((part) => part === undefined)
    ? 'not reported by this machine'
    : `${(100 * Math.max(0, ...stolen.map((part) => part ?? 0))).toFixed(2)} % at the most`;
  const rows = [
    ['  kernel', host.kernel],
    ['  node', host.node],
    ['  processor', `${host.cpuCount} × ${host.cpuModel}`],
    ...Object.entries(host.machine ?? {}).map(([name, value]) => [`  ${name}`, String(value)]),
    ['  steal time', steal],
    ['  temperatures', temperatures],
    ...storage.flatMap(({ path, fileSystem, mountOptions, disks }) => [
      [`  ${path}`, `${fileSystem}, ${mountOptions}`],
      ...disks.map((disk) => [
        `  disk ${String(disk['disk'])}`,
        Object.entries(disk)
          .filter(([name]) => name !== 'disk')
          .map(([name, value]) => `${name}: ${value}`)
          .join(', '),
      ]),
    ]),
  ];
  const warned = warnings.map((warning) => `warning: ${warning}\n`).join('');
  return `the machine:\n${formatTable(rows)}${warned}`;
}
