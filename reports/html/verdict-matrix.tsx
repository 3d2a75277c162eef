import type { VNode } from 'preact';
import { faultsOf, kindsIn, stateOf, type CellResult } from '../../harness/contract/index.ts';
import { formatCount } from './number-format.ts';
import { anchorOf, Legend, StateMark } from './state-mark.tsx';

type Cells = readonly CellResult[];

interface Axis {
  readonly title: string;
  keyOf(cell: CellResult): string;
}

/** Engine × fault (× workload): the longer list goes down, so that the table stays narrow. */
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

/** The workload and the rig are named only where they tell cells apart. */
function engineAxis(cells: Cells): Axis {
  const hasSeveral = (of: (cell: CellResult) => string): boolean => new Set(cells.map(of)).size > 1;
  const workloads = hasSeveral((cell) => cell.workload);
  const rigs = hasSeveral((cell) => cell.scenario.rig);
  return {
    title: `engine${workloads ? ', workload' : ''}${rigs ? ', rig' : ''}`,
    keyOf: (cell) =>
      [cell.engine, workloads ? cell.workload : '', rigs ? `on ${cell.scenario.rig}` : '']
        .filter((part) => part !== '')
        .join(', '),
  };
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
  return (
    <td>
      {here.map((cell) => (
        <a key={cell.id} class="slot" href={`#${anchorOf(all, cell)}`}>
          <StateMark state={stateOf(cell)} />
          <small>{describeCounts(cell)}</small>
        </a>
      ))}
    </td>
  );
}

function describeCounts(cell: CellResult): string {
  const { counts } = cell;
  if (counts.statesJudged === 0) return 'no state judged';
  const states = `${formatCount(counts.statesJudged)} states`;
  const acked = `${formatCount(counts.opsAcknowledged)} acked`;
  if (counts.violations === 0) return `${acked}, ${states}`;
  return `${kindsIn(cell).join(', ')}: ${formatCount(counts.violations)} in ${states}`;
}
