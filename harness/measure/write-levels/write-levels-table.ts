import type { Reported, WriteLevels } from './write-levels.ts';

/** Rows of a table, one for each level, with the reason where there is no number. */
export function writeLevelRows(levels: WriteLevels): readonly (readonly string[])[] {
  const { userBytes, engine, blockLayer, drives, simulated } = levels;
  return [
    ['level', 'bytes written', 'per user byte', 'flushes', 'FUA writes', 'discarded'],
    row('user', userBytes, levels),
    'bytes' in engine
      ? row('engine submitted', engine.bytes, levels, [
          count(engine.flushes),
          count(engine.fuaWrites),
        ])
      : row('engine submitted', engine, levels),
    ...blockLayer.map(({ disk, bytes, flushes, discardBytes }) =>
      // The block layer does not count FUA writes apart from others.
      row(`block layer, ${disk}`, bytes, levels, [count(flushes), '', count(discardBytes)]),
    ),
    ...drives.flatMap(({ disk, hostBytes, mediaBytes }) => [
      row(`drive ${disk}, from the host`, hostBytes, levels),
      row(`drive ${disk}, to its medium`, mediaBytes, levels),
    ]),
    ...(simulated === undefined
      ? []
      : [row('flash medium, simulated', simulated.programmedBytes, levels)]),
  ];
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
