import type { DriveRequests, EngineLevel, Reported, WriteLevels } from './write-levels.ts';

/** Rows of a table, one for each level, with the reason where there is no number. */
export function writeLevelRows(levels: WriteLevels): readonly (readonly string[])[] {
  const { userBytes, engine, blockLayer, drives, simulated } = levels;
  return [
    ['level', 'bytes written', 'per user byte', 'flushes', 'FUA writes', 'discarded'],
    row('user', userBytes, levels),
    ...('bytes' in engine ? engineRows(engine, levels) : [row('engine submitted', engine, levels)]),
    ...blockLayer.map(({ disk, bytes, flushes, discardBytes }) =>
      // The block layer does not count FUA writes apart from others.
      row(`block layer, ${disk}`, bytes, levels, [count(flushes), '', count(discardBytes)]),
    ),
    ...drives.flatMap(({ disk, hostBytes, mediaBytes, requests }) => [
      row(`drive ${disk}, from the host`, hostBytes, levels, requestCells(requests)),
      row(`drive ${disk}, to its medium`, mediaBytes, levels),
    ]),
    ...(simulated === undefined
      ? []
      : [row('flash medium, simulated', simulated.programmedBytes, levels)]),
  ];
}

/** The whole, and under it its parts: those that are 0 say nothing. */
function engineRows(engine: EngineLevel, levels: WriteLevels): readonly (readonly string[])[] {
  const { bytes, bytesByPurpose, closingBytes, userBytes, flushes, fuaWrites } = engine;
  const purposes = Object.entries(bytesByPurpose).filter(([, part]) => part !== 0);
  return [
    ...(userBytes === levels.userBytes
      ? []
      : [row('user, as the engine counts', userBytes, levels)]),
    row('engine submitted', bytes, levels, [count(flushes), count(fuaWrites)]),
    ...purposes.map(([purpose, part]) => row(`  for ${purpose}`, part, levels)),
    row('  of all these, to close', closingBytes, levels),
  ];
}

/** A discard is counted as a request: of the twin nobody asks how long each was. */
function requestCells(requests: DriveRequests | undefined): readonly string[] {
  if (requests === undefined) return [];
  const { flushes, fuaWrites, discards } = requests;
  return [count(flushes), count(fuaWrites), `${count(discards)} requests`];
}

function row(
  level: string,
  bytes: Reported,
  { userBytes }: WriteLevels,
  counts: readonly string[] = [],
): readonly string[] {
  const perUserByte =
    typeof bytes === 'number' && userBytes > 0 ? (bytes / userBytes).toFixed(3) : '';
  return [level, count(bytes), perUserByte, ...counts];
}

function count(value: Reported): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value.notReported;
}
