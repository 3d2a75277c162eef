import type { VNode } from 'preact';
import { max } from 'd3-array';
import { scaleLinear } from 'd3-scale';
import { area as areaShape, curveStepAfter, line } from 'd3-shape';
import { faultsOf, nounFor, type CellResult } from '../../harness/contract/index.ts';
import { BaseAxis, round, ValueAxis, type PlotArea } from './chart-axes.tsx';
import { ChartFigure, EmptyFigure, type NumberTable } from './chart-figure.tsx';
import { bucketCoverage, totalCoverage, type CoverageBucket } from './coverage-buckets.ts';
import { nameOf } from './cell-name.ts';
import { countCells, formatCount, formatFromLog10 } from './number-format.ts';

const width = 340;
const height = 190;
const area: PlotArea = { left: 46, right: 332, top: 8, bottom: 152 };
const bucketsMax = 80;
const tableRowsMax = 24;

interface Covered {
  readonly cell: CellResult;
  readonly buckets: readonly CoverageBucket[];
}

/** Checked against legal crash states, per flush interval, on one range for all cells. */
export function CoverageFigures({ cells }: { readonly cells: readonly CellResult[] }): VNode {
  const covered = cells
    .filter((cell) => cell.coverage.length > 0)
    .map((cell) => ({ cell, buckets: bucketCoverage(cell.coverage, bucketsMax) }));
  if (covered.length === 0) {
    return (
      <EmptyFigure why="no cell explored crash states from a history; a live cut has only the state it leaves." />
    );
  }
  const log10Max = max(covered.flatMap(({ buckets }) => buckets.map(topOf))) ?? 1;
  const left = cells.length - covered.length;
  return (
    <>
      <p class="key">
        <span class="key-checked">checked</span> <span class="key-legal">legal</span> crash states
        per flush interval, in order of the run, log scale.
      </p>
      <div class="charts">
        {covered.map((one) => (
          <CoverageChart key={one.cell.id} {...one} log10Max={Math.max(1, log10Max)} />
        ))}
      </div>
      {left > 0 && <p class="soft">{countCells(left)} explored no crash states.</p>}
    </>
  );
}

function topOf(bucket: CoverageBucket): number {
  return Math.max(bucket.legalLog10, log10Of(bucket.checked));
}

/** Nothing checked lies on the base line, where a single state lies too; the caption tells them apart. */
function log10Of(count: number): number {
  return count <= 1 ? 0 : Math.log10(count);
}

function CoverageChart(props: Covered & { readonly log10Max: number }): VNode {
  const { cell, buckets } = props;
  const x = scaleLinear([0, buckets.length], [area.left, area.right]);
  const y = scaleLinear([0, props.log10Max], [area.bottom, area.top]);
  // A step needs an end of its own, or the last interval would have no width.
  const steps = [...buckets, buckets.at(-1)!];
  const drawChecked = areaShape<CoverageBucket>(
    (_, index) => round(x(index)),
    area.bottom,
    (bucket) => round(y(log10Of(bucket.checked))),
  ).curve(curveStepAfter);
  const drawLegal = line<CoverageBucket>(
    (_, index) => round(x(index)),
    (bucket) => round(y(Math.max(0, bucket.legalLog10))),
  ).curve(curveStepAfter);
  return (
    <ChartFigure
      title={nameOf(cell)}
      caption={<span class="soft">{describeTotals(cell)}</span>}
      description={`Crash states of ${nameOf(cell)}, ${cell.engine} under ${faultsOf(cell)}: ${describeTotals(cell)}`}
      numbers={numbersOf(buckets)}
      width={width}
      height={height}
    >
      <ValueAxis
        area={area}
        ticks={y
          .ticks(5)
          .filter(Number.isInteger)
          .map((log10) => ({
            at: y(log10),
            label: log10 < 4 ? formatCount(10 ** log10) : `10^${log10}`,
          }))}
      />
      <BaseAxis area={area} title={describeAxis(buckets)} ticks={roundTicks(buckets, x)} />
      <path class="checked" d={drawChecked(steps) ?? ''} fill="#9cc7f0" stroke="#0b5cad" />
      <path class="legal" d={drawLegal(steps) ?? ''} fill="none" stroke="#a34a00" />
    </ChartFigure>
  );
}

/** Where each round begins, thinned so that the labels do not run into each other. */
function roundTicks(
  buckets: readonly CoverageBucket[],
  x: (index: number) => number,
): readonly { readonly at: number; readonly label: string }[] {
  const starts = buckets.flatMap((bucket, index) =>
    index === 0 || bucket.first.round !== buckets[index - 1]!.first.round ? [index] : [],
  );
  const stride = Math.ceil(starts.length / 8);
  return starts
    .filter((_, place) => place % stride === 0)
    .map((index) => ({ at: x(index), label: `r${buckets[index]!.first.round}` }));
}

function describeAxis(buckets: readonly CoverageBucket[]): string {
  const together = buckets[0]?.intervals ?? 1;
  return together === 1
    ? 'flush intervals by round'
    : `flush intervals by round, ${together} a step`;
}

function describeTotals(cell: CellResult): string {
  const totals = totalCoverage(cell.coverage);
  const untouched =
    totals.untouched === 0 ? '' : `; ${formatCount(totals.untouched)} never checked`;
  return (
    `${cell.workload}: ${formatCount(totals.checked)} of ${formatFromLog10(totals.legalLog10)} ` +
    `states checked; ${formatCount(totals.exhausted)} of ${formatCount(totals.intervals)} ` +
    `flush intervals exhaustively${untouched}.`
  );
}

function numbersOf(buckets: readonly CoverageBucket[]): NumberTable {
  const shown = buckets.slice(0, tableRowsMax);
  const omitted = buckets.length - shown.length;
  return {
    header: ['round, interval', 'checked', 'legal'],
    rows: shown.map((bucket) => [
      `${bucket.first.round}, ${bucket.first.interval}${bucket.intervals > 1 ? ' on' : ''}`,
      formatCount(bucket.checked),
      formatFromLog10(bucket.legalLog10),
    ]),
    ...(omitted > 0
      ? { note: `${omitted} more ${nounFor(omitted, 'row')}; coverage.csv has every interval.` }
      : {}),
  };
}
