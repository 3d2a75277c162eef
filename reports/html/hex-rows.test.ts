import { expect, test } from 'vitest';
import { diffHex } from './hex-rows.ts';

const zeros = (byteCount: number): string => '00'.repeat(byteCount);

test('equal bytes leave no row', () => {
  const dump = { byteOffset: 0, hex: zeros(64) };
  expect(diffHex(dump, dump, 16)).toEqual({
    rows: [],
    bytesDiffering: 0,
    bytesCompared: 64,
    rowsOmitted: 0,
  });
});

test('one changed byte brings its row, two rows round it, and no gap mark', () => {
  const found = { byteOffset: 4096, hex: `${zeros(100)}ff${zeros(155)}` };
  const diff = diffHex({ byteOffset: 4096, hex: zeros(256) }, found, 16);
  expect(diff.bytesDiffering).toBe(1);
  expect(diff.rows.map((row) => row?.byteOffset)).toEqual([4160, 4176, 4192, 4208, 4224]);
  expect(diff.rows[2]?.differs.indexOf(true)).toBe(4);
});

test('rows left out between two changes are marked once', () => {
  const found = { byteOffset: 0, hex: `ff${zeros(254)}ff` };
  const diff = diffHex({ byteOffset: 0, hex: zeros(256) }, found, 16);
  expect(diff.rows.filter((row) => row === undefined)).toHaveLength(1);
});

test('changed rows beyond the limit are counted', () => {
  const found = { byteOffset: 0, hex: 'ff'.repeat(512) };
  const diff = diffHex({ byteOffset: 0, hex: zeros(512) }, found, 4);
  expect(diff.rowsOmitted).toBe(28);
  expect(diff.bytesDiffering).toBe(512);
});

test('bytes that only one side has differ, and are compared by their place on the medium', () => {
  const diff = diffHex({ byteOffset: 0, hex: zeros(16) }, { byteOffset: 16, hex: zeros(16) }, 16);
  expect(diff.bytesDiffering).toBe(32);
  expect(diff.rows[0]?.found[0]).toBeUndefined();
  expect(diff.rows[1]?.expected[0]).toBeUndefined();
});
