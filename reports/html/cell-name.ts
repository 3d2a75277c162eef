import type { CellResult } from '../../harness/contract/index.ts';

/** Room for names at the left of a chart, in the units of its viewBox. */
export const nameWidth = 260;

/** About the width of a character of the charts' 11-pixel text. */
export const characterWidth = 6.6;

/** The scenario's own: engine, fault and workload can be those of several cells. */
export function nameOf(cell: CellResult): string {
  return cell.scenario.name;
}

/** Cut to the room there is; the table of numbers has the whole name. */
export function shortNameOf(cell: CellResult): string {
  const name = nameOf(cell);
  const characters = Math.floor((nameWidth - 8) / characterWidth);
  return name.length <= characters ? name : `${name.slice(0, characters - 1)}…`;
}
