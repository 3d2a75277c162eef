import type { VNode } from 'preact';
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import {
  faultsOf,
  nounFor,
  type CellResult,
  type LatencySummary,
} from '../../harness/contract/index.ts';
import { BaseAxis, logTicks, round, ValueAxis, type PlotArea } from './chart-axes.tsx';
import { ChartFigure, EmptyFigure, type NumberTable } from './chart-figure.tsx';
import { isSound, latencyCurve, type CurvePoint, type LatencyCurve } from './latency-curve.ts';
import { nameOf } from './cell-name.ts';
import { countCells, formatCount, formatDurationNs } from './number-format.ts';

const width = 340;
const height = 190;
const area: PlotArea = { left: 58, right: 330, top: 8, bottom: 152 };

interface Measured {
  readonly cell: CellResult;
  readonly latency: LatencySummary;
  readonly curve: LatencyCurve;
}

/** One curve per cell; charts of the same clock share their ranges, so that they can be compared. */
export function LatencyFigures({ cells }: { readonly cells: readonly CellResult[] }): VNode {
  const measured = cells.flatMap((cell): Measured[] =>
    cell.latency === undefined || cell.latency.count === 0
      ? []
      : [{ cell, latency: cell.latency, curve: latencyCurve(cell.latency) }],
  );
  if (measured.length === 0) {
    return <EmptyFigure why="no cell of this run recorded a latency." />;
  }
  const left = cells.length - measured.length;
  return (
    <>
      <ClockGroup measured={measured.filter(({ latency }) => latency.clock === 'real')} />
      <ClockGroup measured={measured.filter(({ latency }) => latency.clock === 'virtual')} />
      {left > 0 && <p class="soft">{countCells(left)} recorded no latency.</p>}
    </>
  );
}

/** More charts than this of time that is not real are folded away. */
const modelledChartsOpenMax = 6;

function ClockGroup({ measured }: { readonly measured: readonly Measured[] }): VNode | null {
  const first = measured[0];
  if (first === undefined) return null;
  const ranges = rangesOf(measured);
  const charts = (
    <div class="charts">
      {measured.map((one) => (
        <LatencyChart key={one.cell.id} {...one} ranges={ranges} />
      ))}
    </div>
  );
  if (first.latency.clock === 'real') {
    return (
      <>
        <p>Real time, measured on the machine named under Environment.</p>
        {charts}
      </>
    );
  }
  return (
    <details open={measured.length <= modelledChartsOpenMax}>
      <summary class="warning">
        <b>Virtual clock:</b> modelled time of the simulated drive, never a performance figure (
        {`${measured.length} ${nounFor(measured.length, 'chart')}`})
      </summary>
      {charts}
    </details>
  );
}

interface Ranges {
  readonly latencyNs: readonly [number, number];
  readonly ninesMax: number;
}

function rangesOf(measured: readonly Measured[]): Ranges {
  const points = measured.flatMap(({ curve }) => curve.points);
  const latencies = points.map((point) => Math.max(1, point.latencyNs));
  const low = Math.min(...latencies);
  const high = Math.max(...latencies, low * 2);
  return { latencyNs: [low, high], ninesMax: Math.max(1, ...points.map((point) => point.nines)) };
}

function LatencyChart(props: Measured & { readonly ranges: Ranges }): VNode {
  const { cell, latency, curve, ranges } = props;
  const x = scaleLinear([0, ranges.ninesMax], [area.left, area.right]);
  const y = scaleLog(ranges.latencyNs, [area.bottom, area.top]);
  const draw = line<CurvePoint>(
    (point) => round(x(point.nines)),
    (point) => round(y(Math.max(1, point.latencyNs))),
  );
  const sound = curve.points.filter((point) => point.isSound);
  const rest = curve.points.slice(Math.max(0, sound.length - 1));
  const nines = Array.from({ length: Math.floor(ranges.ninesMax) + 1 }, (_, n) => n);
  return (
    <ChartFigure
      title={nameOf(cell)}
      caption={<span class="soft">{describeSource(props)}</span>}
      description={describe(props)}
      numbers={numbersOf(latency)}
      width={width}
      height={height}
    >
      <ValueAxis
        area={area}
        ticks={logTicks(...ranges.latencyNs, 6).map((ns) => ({
          at: y(ns),
          label: formatDurationNs(ns),
        }))}
      />
      <BaseAxis
        area={area}
        title="percentile"
        ticks={nines.map((n) => ({ at: x(n), label: percentileName(n) }))}
      />
      <path class="curve" d={draw(sound) ?? ''} fill="none" stroke="#0b5cad" />
      <path
        class="curve unsound"
        d={draw(rest) ?? ''}
        fill="none"
        stroke="#777"
        stroke-dasharray="3 3"
      />
    </ChartFigure>
  );
}

function percentileName(nines: number): string {
  if (nines === 0) return 'least';
  return nines < 3 ? `${100 - 100 / 10 ** nines} %` : `99.${'9'.repeat(nines - 2)} %`;
}

function describeSource({ cell, latency, curve }: Measured): string {
  const count = `${cell.workload} on ${cell.scenario.rig}, n = ${formatCount(latency.count)}`;
  const clock = latency.clock === 'virtual' ? ', modelled time' : '';
  const damage = curve.isComplete ? '' : '; the histogram could not be read, so few points';
  return `${count}${clock}${damage}`;
}

function describe({ cell, latency }: Measured): string {
  const time = latency.clock === 'virtual' ? 'Modelled latency' : 'Latency';
  return (
    `${time} of ${nameOf(cell)}, ${cell.engine} under ${faultsOf(cell)}, by percentile, log scale: ` +
    `median ${formatDurationNs(latency.p50Ns)}, 99 % ${formatDurationNs(latency.p99Ns)}, ` +
    `largest ${formatDurationNs(latency.maxNs)}, of ${formatCount(latency.count)} ${nounFor(latency.count, 'operation')}.`
  );
}

function numbersOf(latency: LatencySummary): NumberTable {
  const rows = [
    ['50 %', Math.log10(2), latency.p50Ns],
    ['90 %', 1, latency.p90Ns],
    ['99 %', 2, latency.p99Ns],
    ['99.9 %', 3, latency.p999Ns],
  ] as const;
  return {
    header: ['percentile', 'latency', 'samples'],
    rows: [
      ...rows.map(([name, nines, latencyNs]) => [
        name,
        formatDurationNs(latencyNs),
        isSound(latency.count, nines) ? 'enough' : 'too few',
      ]),
      ['largest', formatDurationNs(latency.maxNs), '1'],
    ],
    note: 'Grey and dashed where fewer than 10 samples lie beyond the percentile.',
  };
}
