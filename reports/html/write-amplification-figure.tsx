import type { VNode } from 'preact';
import { scaleLinear, type ScaleLinear } from 'd3-scale';
import type { CellResult, WriteAmplification } from '../../harness/contract/index.ts';
import { BaseAxis, round, type PlotArea } from './chart-axes.tsx';
import { ChartFigure, EmptyFigure, type NumberTable } from './chart-figure.tsx';
import { characterWidth, nameOf, nameWidth, shortNameOf } from './cell-name.ts';
import { countCells, formatBytes, formatCount, formatRatio } from './number-format.ts';
import { fillInk, fills } from './palette.ts';

const width = 1000;
const deviceWidth = 150;
const barHeight = 20;
const rowHeight = 28;
interface Counted {
  readonly cell: CellResult;
  readonly amplification: WriteAmplification;
}

/** Bytes the engine submitted per byte of the user, stacked by purpose; the drive's own beside. */
export function WriteAmplificationFigure(props: { readonly cells: readonly CellResult[] }): VNode {
  const counted = props.cells.flatMap((cell): Counted[] => {
    const amplification = cell.writeAmplification;
    return amplification === undefined || amplification.userBytes === 0
      ? []
      : [{ cell, amplification }];
  });
  if (counted.length === 0) {
    return <EmptyFigure why="no cell counted bytes written for a user." />;
  }
  return <StackedBars counted={counted} omitted={props.cells.length - counted.length} />;
}

function StackedBars(props: {
  readonly counted: readonly Counted[];
  readonly omitted: number;
}): VNode {
  const { counted } = props;
  const purposes = purposesOf(counted);
  const bottom = counted.length * rowHeight + 6;
  const area: PlotArea = { left: nameWidth, right: width - deviceWidth, top: 2, bottom };
  const most = Math.max(1, ...counted.map((one) => engineRatio(one.amplification)));
  const x = scaleLinear([0, most], [area.left, area.right]);
  return (
    <ChartFigure
      title="Bytes the engine submitted per byte of the user"
      caption={
        <span class="soft">
          {purposes.map((purpose, index) => (
            <span key={purpose} class={`key-fill fill-${index % fills.length}`}>
              {purpose}
            </span>
          ))}{' '}
          the device's own count per byte submitted to it at the right
          {props.omitted > 0 && `; ${countCells(props.omitted)} counted none`}
        </span>
      }
      description={describe(counted)}
      numbers={numbersOf(counted, purposes)}
      width={width}
      height={bottom + 34}
    >
      <BaseAxis
        area={area}
        title="bytes per user byte"
        hasRules
        ticks={x.ticks(6).map((ratio) => ({ at: x(ratio), label: `${ratio}×` }))}
      />
      {counted.map((one, index) => (
        <Bar key={one.cell.id} {...one} purposes={purposes} scale={x} top={index * rowHeight + 6} />
      ))}
    </ChartFigure>
  );
}

function Bar(
  props: Counted & {
    readonly purposes: readonly string[];
    readonly scale: ScaleLinear<number, number>;
    readonly top: number;
  },
): VNode {
  const { cell, amplification, top } = props;
  const middle = top + barHeight / 2 + 4;
  return (
    <g>
      <text x={nameWidth - 8} y={middle} text-anchor="end" fill="currentColor">
        {shortNameOf(cell)}
      </text>
      {segmentsOf(amplification, props.purposes).map((segment) => (
        <Segment key={segment.purpose} segment={segment} scale={props.scale} top={top} />
      ))}
      <text x={width - deviceWidth + 8} y={middle} fill="currentColor">
        {`device: ${describeDevice(amplification)}`}
      </text>
    </g>
  );
}

interface StackSegment {
  readonly purpose: string;
  readonly fill: number;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

function segmentsOf(
  amplification: WriteAmplification,
  purposes: readonly string[],
): readonly StackSegment[] {
  let sum = 0;
  return purposes.flatMap((purpose, index) => {
    const bytes = amplification.engineBytes[purpose] ?? 0;
    if (bytes === 0) return [];
    const from = sum / amplification.userBytes;
    sum += bytes;
    const to = sum / amplification.userBytes;
    return [{ purpose, fill: index % fills.length, bytes, from, to }];
  });
}

function Segment(props: {
  readonly segment: StackSegment;
  readonly scale: ScaleLinear<number, number>;
  readonly top: number;
}): VNode {
  const { segment, scale, top } = props;
  const x = scale(segment.from);
  const segmentWidth = scale(segment.to) - x;
  const share = formatRatio(segment.to - segment.from);
  const label = [`${segment.purpose} ${share}`, segment.purpose].find(
    (text) => text.length * characterWidth < segmentWidth - 6,
  );
  return (
    <g class="segment">
      <rect
        x={round(x)}
        y={top}
        width={round(segmentWidth)}
        height={barHeight}
        fill={fills[segment.fill]}
      >
        <title>{`${segment.purpose}: ${formatBytes(segment.bytes)}, ${share}`}</title>
      </rect>
      {label !== undefined && (
        <text x={round(x + 5)} y={top + barHeight / 2 + 4} fill={fillInk}>
          {label}
        </text>
      )}
    </g>
  );
}

/** What no cell wrote anything for would take a colour and show nothing. */
function purposesOf(counted: readonly Counted[]): readonly string[] {
  const written = counted.flatMap(({ amplification }) => Object.entries(amplification.engineBytes));
  return [...new Set(written.filter(([, bytes]) => bytes > 0).map(([purpose]) => purpose))];
}

function engineBytesOf(amplification: WriteAmplification): number {
  return Object.values(amplification.engineBytes).reduce((sum, bytes) => sum + bytes, 0);
}

export function engineRatio(amplification: WriteAmplification): number {
  return engineBytesOf(amplification) / amplification.userBytes;
}

/** Of the bytes submitted to it: a ratio of its own level, which the engine's is not mixed into. */
function describeDevice(amplification: WriteAmplification): string {
  const { deviceBytes } = amplification;
  if (deviceBytes === undefined) return 'not reported';
  const submitted = engineBytesOf(amplification);
  return submitted === 0 ? formatBytes(deviceBytes) : formatRatio(deviceBytes / submitted);
}

/** Of a model: beside the levels that were counted, and in no ratio of theirs. */
function describeFlash({ simulatedFlash: flash }: WriteAmplification): string {
  if (flash === undefined) return 'not simulated';
  return flash.hostBytes === 0
    ? 'not written'
    : formatRatio(flash.programmedBytes / flash.hostBytes);
}

function describe(counted: readonly Counted[]): string {
  const ratios = counted.map(({ amplification }) => engineRatio(amplification));
  const range =
    ratios.length === 1
      ? formatRatio(ratios[0]!)
      : `${formatRatio(Math.min(...ratios))} to ${formatRatio(Math.max(...ratios))}`;
  return `Write amplification of ${countCells(counted.length)}, by purpose of the bytes: ${range}.`;
}

function numbersOf(counted: readonly Counted[], purposes: readonly string[]): NumberTable {
  const isSimulated = counted.some(({ amplification }) => amplification.simulatedFlash);
  return {
    header: [
      ...['cell', 'user', ...purposes, 'engine ÷ user', 'device ÷ engine', 'flushes', 'FUA'],
      ...(isSimulated ? ['flash ÷ device, simulated'] : []),
    ],
    rows: counted.map(({ cell, amplification }) => [
      nameOf(cell),
      formatBytes(amplification.userBytes),
      ...purposes.map((purpose) => describeBytes(amplification.engineBytes[purpose])),
      formatRatio(engineRatio(amplification)),
      describeDevice(amplification),
      formatCount(amplification.flushes),
      formatCount(amplification.fuaWrites),
      ...(isSimulated ? [describeFlash(amplification)] : []),
    ]),
  };
}

function describeBytes(bytes: number | undefined): string {
  return bytes === undefined ? 'not reported' : formatBytes(bytes);
}
