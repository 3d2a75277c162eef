import type { VNode } from 'preact';
import { scaleLinear, type ScaleLinear } from 'd3-scale';
import { nounFor, type CellResult, type RecoveryStatistics } from '../../harness/contract/index.ts';
import { BaseAxis, round, type PlotArea } from './chart-axes.tsx';
import { ChartFigure, EmptyFigure } from './chart-figure.tsx';
import { nameOf, nameWidth, shortNameOf } from './cell-name.ts';
import { countCells, formatCount } from './number-format.ts';

const width = 1000;
const rowHeight = 22;

interface Recovered {
  readonly cell: CellResult;
  readonly recovery: RecoveryStatistics;
}

/** Device requests per recovery: the median and the most, per cell. */
export function RecoveryFigure({ cells }: { readonly cells: readonly CellResult[] }): VNode {
  const recovered = cells.flatMap((cell): Recovered[] =>
    cell.recovery === undefined ? [] : [{ cell, recovery: cell.recovery }],
  );
  if (recovered.length === 0) {
    return <EmptyFigure why="nothing was recovered in this run." />;
  }
  const bottom = recovered.length * rowHeight + 8;
  const area: PlotArea = { left: nameWidth, right: width - 30, top: 2, bottom };
  const most = Math.max(1, ...recovered.map((one) => one.recovery.requestsMax));
  const x = scaleLinear([0, most], [area.left, area.right]).nice(8);
  return (
    <ChartFigure
      title="Device requests of a recovery"
      caption={<span class="soft">● median, ◆ most</span>}
      description={describe(recovered)}
      numbers={{
        header: ['cell', 'recoveries', 'median requests', 'most requests'],
        rows: recovered.map(({ cell, recovery }) => [
          nameOf(cell),
          formatCount(recovery.count),
          formatCount(recovery.requestsMedian),
          formatCount(recovery.requestsMax),
        ]),
      }}
      width={width}
      height={bottom + 34}
    >
      <BaseAxis
        area={area}
        title="requests"
        hasRules
        ticks={x.ticks(8).map((at) => ({ at: x(at), label: formatCount(at) }))}
      />
      {recovered.map((one, index) => (
        <Row key={one.cell.id} {...one} scale={x} y={index * rowHeight + rowHeight / 2 + 4} />
      ))}
    </ChartFigure>
  );
}

function Row(
  props: Recovered & { readonly scale: ScaleLinear<number, number>; readonly y: number },
): VNode {
  const { recovery, scale, y } = props;
  const median = round(scale(recovery.requestsMedian));
  const most = round(scale(recovery.requestsMax));
  return (
    <g class="dots">
      <text x={nameWidth - 8} y={y + 4} text-anchor="end" fill="currentColor">
        {shortNameOf(props.cell)}
      </text>
      <line class="span" x1={median} x2={most} y1={y} y2={y} stroke="#0b5cad" />
      <circle cx={median} cy={y} r="4.5" fill="#0b5cad" />
      <path class="most" d={`M${most} ${y - 6}l6 6l-6 6l-6 -6z`} fill="#a34a00" />
    </g>
  );
}

function describe(recovered: readonly Recovered[]): string {
  const most = Math.max(...recovered.map(({ recovery }) => recovery.requestsMax));
  const count = recovered.reduce((sum, { recovery }) => sum + recovery.count, 0);
  return (
    `Device requests per recovery in ${countCells(recovered.length)}: ${formatCount(count)} ${nounFor(count, 'recovery', 'recoveries')}, ` +
    `none took more than ${formatCount(most)} ${nounFor(most, 'request')}.`
  );
}
