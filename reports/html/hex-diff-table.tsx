import type { VNode } from 'preact';
import type { Failure } from '../../harness/contract/index.ts';
import { diffHex, type HexRow } from './hex-rows.ts';
import { formatCount } from './number-format.ts';

/** Enough to see what happened; a whole 4 KiB block would bury it. */
const changedRowsMax = 16;

/** Expected and found bytes side by side: the changed rows, two rows of context round each. */
export function HexDiffTable({ failure }: { readonly failure: Failure }): VNode {
  const { expectedBytes, foundBytes } = failure;
  if (expectedBytes === undefined && foundBytes === undefined) {
    return <p class="empty">No bytes to compare: the violation is not of one block.</p>;
  }
  const diff = diffHex(expectedBytes, foundBytes, changedRowsMax);
  if (diff.rows.length === 0) {
    return <p class="empty">The bytes are equal: the violation is in what they mean.</p>;
  }
  return (
    <div class="scroll">
      <table class="hex">
        <caption>
          {formatCount(diff.bytesDiffering)} of {formatCount(diff.bytesCompared)} bytes differ
          {diff.rowsOmitted > 0 && `; ${formatCount(diff.rowsOmitted)} more changed rows not shown`}
        </caption>
        <thead>
          <tr>
            <th scope="col">offset</th>
            <th scope="col">expected</th>
            <th scope="col">found</th>
            <th scope="col">found as text</th>
          </tr>
        </thead>
        <tbody>
          {diff.rows.map((row, index) =>
            row === undefined ? (
              <tr key={index}>
                <td colSpan={4}>⋮</td>
              </tr>
            ) : (
              <Row key={index} row={row} />
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row }: { readonly row: HexRow }): VNode {
  return (
    <tr>
      <th scope="row">{row.byteOffset.toString(16).padStart(8, '0')}</th>
      <td>{markRuns(row.expected, row.differs, 'del')}</td>
      <td>{markRuns(row.found, row.differs, 'ins')}</td>
      <td>{row.found.map(toCharacter).join('')}</td>
    </tr>
  );
}

/** Marks runs rather than bytes, which keeps a report of many failures small. */
function markRuns(
  bytes: readonly (string | undefined)[],
  differs: readonly boolean[],
  Tag: 'del' | 'ins',
): readonly (string | VNode)[] {
  const parts: (string | VNode)[] = [];
  let start = 0;
  for (let end = 1; end <= bytes.length; end++) {
    if (end < bytes.length && differs[end] === differs[start]) continue;
    const run = bytes.slice(start, end).map((byte) => byte ?? '··');
    const text = run.join(' ');
    parts.push(differs[start] === true ? <Tag key={start}>{text}</Tag> : text);
    if (end < bytes.length) parts.push(' ');
    start = end;
  }
  return parts;
}

function toCharacter(byte: string | undefined): string {
  const code = byte === undefined ? 0 : Number.parseInt(byte, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '·';
}
