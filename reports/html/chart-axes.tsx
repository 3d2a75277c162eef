import type { VNode } from 'preact';

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface PlotArea {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Rules across the plot with their labels at the left, in one column. */
export function ValueAxis(props: {
  readonly ticks: readonly Tick[];
  readonly area: PlotArea;
}): VNode {
  const { left, right } = props.area;
  return (
    <g class="axis">
      {props.ticks.map(({ at, label }) => (
        <g key={label}>
          <line class="rule" x1={left} x2={right} y1={round(at)} y2={round(at)} stroke="#ccc" />
          <text x={left - 6} y={round(at + 3.5)} text-anchor="end" fill="currentColor">
            {label}
          </text>
        </g>
      ))}
    </g>
  );
}

/** Labels below the plot; `title` says what they count. */
export function BaseAxis(props: {
  readonly ticks: readonly Tick[];
  readonly area: PlotArea;
  readonly title: string;
  readonly hasRules?: boolean;
}): VNode {
  const { left, right, top, bottom } = props.area;
  return (
    <g class="axis">
      {props.ticks.map(({ at, label }) => (
        <g key={label}>
          {props.hasRules === true && (
            <line class="rule" x1={round(at)} x2={round(at)} y1={top} y2={bottom} stroke="#ccc" />
          )}
          <text x={round(at)} y={bottom + 15} text-anchor="middle" fill="currentColor">
            {label}
          </text>
        </g>
      ))}
      <text x={(left + right) / 2} y={bottom + 29} text-anchor="middle" fill="currentColor">
        {props.title}
      </text>
    </g>
  );
}

/** A tenth of a pixel is more than an eye sees; more digits only make the file larger. */
export function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/**
 * The 1, 2 and 5 of each power of ten in the range, or the powers alone, or each few of them, so
 * that at most `ticksMax` remain.
 */
export function logTicks(low: number, high: number, ticksMax: number): readonly number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const powers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const isInside = (value: number): boolean => value >= low * 0.999 && value <= high * 1.001;
  const fine = powers.flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power)).filter(isInside);
  if (fine.length <= ticksMax) return fine;
  const coarse = powers.map((power) => 10 ** power).filter(isInside);
  const stride = Math.ceil(coarse.length / ticksMax);
  return coarse.filter((_, index) => index % stride === 0);
}
