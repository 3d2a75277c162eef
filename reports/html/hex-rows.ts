import type { HexDump } from '../../harness/contract/index.ts';

const rowBytes = 16;
const contextRows = 2;

/** One row of 16 bytes; a byte that one side does not have is undefined. */
export interface HexRow {
  readonly byteOffset: number;
  readonly expected: readonly (string | undefined)[];
  readonly found: readonly (string | undefined)[];
  /** Per byte, whether the two sides differ. */
  readonly differs: readonly boolean[];
}

export interface HexDiff {
  /** The changed rows with their context; undefined stands for rows that were left out. */
  readonly rows: readonly (HexRow | undefined)[];
  readonly bytesDiffering: number;
  readonly bytesCompared: number;
  /** Changed rows beyond the limit. */
  readonly rowsOmitted: number;
}

/** Compares by the bytes' place on the medium. At most `changedRowsMax` changed rows are kept. */
export function diffHex(
  expected: HexDump | undefined,
  found: HexDump | undefined,
  changedRowsMax: number,
): HexDiff {
  const all = toRows(expected, found);
  const changed = all.flatMap((row, index) => (row.differs.includes(true) ? [index] : []));
  const shown = changed.slice(0, changedRowsMax);
  return {
    rows: withContext(all, shown),
    bytesDiffering: all.reduce((sum, row) => sum + row.differs.filter(Boolean).length, 0),
    bytesCompared: all.reduce((sum, row) => sum + row.differs.length, 0),
    rowsOmitted: changed.length - shown.length,
  };
}

function toRows(expected: HexDump | undefined, found: HexDump | undefined): readonly HexRow[] {
  const dumps = [expected, found].filter((dump) => dump !== undefined);
  if (dumps.length === 0) return [];
  const first = Math.min(...dumps.map((dump) => dump.byteOffset));
  const end = Math.max(...dumps.map((dump) => dump.byteOffset + dump.hex.length / 2));
  const rows: HexRow[] = [];
  for (let byteOffset = first - (first % rowBytes); byteOffset < end; byteOffset += rowBytes) {
    const left = bytesAt(expected, byteOffset);
    const right = bytesAt(found, byteOffset);
    const differs = left.map((byte, index) => byte !== right[index]);
    rows.push({ byteOffset, expected: left, found: right, differs });
  }
  return rows;
}

function bytesAt(dump: HexDump | undefined, byteOffset: number): readonly (string | undefined)[] {
  return Array.from({ length: rowBytes }, (_, index) => {
    const start = dump === undefined ? -1 : 2 * (byteOffset + index - dump.byteOffset);
    const byte = start < 0 ? '' : dump!.hex.slice(start, start + 2);
    return byte.length === 2 ? byte : undefined;
  });
}

function withContext(
  all: readonly HexRow[],
  changed: readonly number[],
): readonly (HexRow | undefined)[] {
  const kept = new Set<number>();
  for (const index of changed) {
    const last = Math.min(all.length - 1, index + contextRows);
    for (let near = Math.max(0, index - contextRows); near <= last; near++) kept.add(near);
  }
  const ascending = [...kept].sort((left, right) => left - right);
  return ascending.flatMap((index, place) => {
    const isGap = place > 0 && ascending[place - 1] !== index - 1;
    return isGap ? [undefined, all[index]] : [all[index]];
  });
}
