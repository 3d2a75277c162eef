import type { VNode } from 'preact';
import {
  faultsOf,
  kindsIn,
  nounFor,
  stateOf,
  type CellResult,
} from '../../harness/contract/index.ts';
import { formatCount } from './number-format.ts';
import { anchorOf, Legend, StateMark } from './state-mark.tsx';

type Cells = readonly CellResult[];

interface Axis {
  readonly title: string;
  keyOf(cell: CellResult): string;
}

/** Engine × fault: the longer list goes down, so that the table stays narrow. */
export function VerdictMatrix({ cells }: { readonly cells: Cells }): VNode {
  if (cells.length === 0) return <p class="empty">No cell left a result, so there is no matrix.</p>;
  const axes = [faultAxis, engineAxis(cells)] as const;
  const counts = axes.map((axis) => keysOf(cells, axis).length);
  const [down, across] = counts[0]! >= counts[1]! ? axes : [axes[1], axes[0]];
  return (
    <>
      <div class="scroll">
        <Matrix cells={cells} down={down} across={across} />
      </div>
      <Legend cells={cells} />
    </>
  );
}

const faultAxis: Axis = { title: 'fault', keyOf: faultsOf };

/** Mode and rig are named only where they tell cells apart. */
function engineAxis(cells: Cells): Axis {
  const modes = hasSeveral(cells, modeOf);
  const rigs = hasSeveral(cells, (cell) => cell.scenario.rig);
  const title = ['engine', modes ? 'mode' : '', rigs ? 'rig' : ''];
  return {
    title: title.filter(isNamed).join(', '),
    keyOf: (cell) =>
      [cell.engine, modes ? modeOf(cell) : '', rigs ? `on ${cell.scenario.rig}` : '']
        .filter(isNamed)
        .join(', '),
  };
}

function hasSeveral(cells: Cells, of: (cell: CellResult) => string): boolean {
  return new Set(cells.map(of).filter(isNamed)).size > 1;
}

function isNamed(part: string): boolean {
  return part !== '';
}

/** As the engine says itself; none where it has no modes. */
function modeOf({ engineFacts }: CellResult): string {
  return engineFacts?.['mode']?.join(', ') ?? '';
}

function keysOf(cells: Cells, axis: Axis): readonly string[] {
  return [...new Set(cells.map((cell) => axis.keyOf(cell)))];
}

function Matrix({
  cells,
  down,
  across,
}: {
  readonly cells: Cells;
  readonly down: Axis;
  readonly across: Axis;
}): VNode {
  const columns = keysOf(cells, across);
  return (
    <table class="matrix">
      <caption>
        Verdict by {down.title} (down) and {across.title} (across)
      </caption>
      <thead>
        <tr>
          <th scope="col">{down.title}</th>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {keysOf(cells, down).map((row) => (
          <tr key={row}>
            <th scope="row">{row}</th>
            {columns.map((column) => (
              <Slot
                key={column}
                all={cells}
                here={cells.filter(
                  (cell) => down.keyOf(cell) === row && across.keyOf(cell) === column,
                )}
              />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Slot({ all, here }: { readonly all: Cells; readonly here: Cells }): VNode {
  if (here.length === 0) return <td class="blank">not planned</td>;
  const workloads = hasSeveral(all, (cell) => cell.workload);
  return (
    <td>
      {here.map((cell) => (
        <a key={cell.id} class="slot" href={`#${anchorOf(all, cell)}`}>
          <StateMark state={stateOf(cell)} />
          <small>
            {workloads && `${cell.workload}: `}
            {describeCounts(cell)}
          </small>
        </a>
      ))}
    </td>
  );
}

function describeCounts(cell: CellResult): string {
  const { counts } = cell;
  if (counts.statesJudged === 0) return 'no state judged';
  const states = `${formatCount(counts.statesJudged)} ${nounFor(counts.statesJudged, 'state')}`;
  const acked = `${formatCount(counts.opsAcknowledged)} acked`;
  if (counts.violations === 0) return [acked, states, ...describeAllowed(counts)].join(', ');
  return `${kindsIn(cell).join(', ')}: ${formatCount(counts.violations)} in ${states}`;
}

/** A pass that took something is not to look like one that took nothing. */
function describeAllowed({
  acknowledgedNotDurable,
  exposedBlocks,
}: CellResult['counts']): string[] {
  return [
    ...(acknowledgedNotDurable > 0
      ? [`${formatCount(acknowledgedNotDurable)} lost as allowed`]
      : []),
    ...(exposedBlocks > 0 ? [`${formatCount(exposedBlocks)} exposed as allowed`] : []),
  ];
}
