import { expect, test } from 'vitest';
import { driveGeometry } from '../twin.fixture.ts';
import {
  doubleWriteFor,
  generationExtent,
  mirrorExtent,
  planLayout,
  type Extent,
  type LayoutWish,
} from './layout.ts';

const wish: LayoutWish = {
  pageBytes: 4096,
  ringPages: 64,
  segmentPages: 16,
  dataBlocks: 600,
  spareBlocks: 75,
  trustAtomicUnit: false,
  mode: 'ordered',
  doubleWrite: 'full',
};
const kibibyte = 1024;

function endOf({ byteOffset, byteCount }: Extent): number {
  return byteOffset + byteCount;
}

test('everything that is written twice or mapped has its own place, with guard space (@req C5)', () => {
  const layout = planLayout(wish, driveGeometry(), undefined);
  const { superblockLow, superblockHigh, ring, map, data } = layout.extents;
  const areas = [
    superblockLow,
    generationExtent(layout, 0),
    mirrorExtent(layout),
    ring,
    map,
    data,
    superblockHigh,
  ];
  for (const [index, area] of areas.entries()) {
    if (index === 0) continue;
    const isInside = index === 2 ? generationExtent(layout, 1) : areas[index - 1]!;
    expect(area.byteOffset - endOf(isInside)).toBeGreaterThanOrEqual(64 * kibibyte);
  }
  expect(map.byteOffset - endOf(ring)).toBe(1024 * kibibyte);
  expect(map.byteCount).toBe((3 + 1) * 4096);
  expect(data.byteCount).toBe(675 * 4096);
  expect(mirrorExtent(layout).byteCount).toBe(ring.byteCount);
});

test('map and data lie on the data device where there is one', () => {
  const { extents } = planLayout(wish, driveGeometry(), driveGeometry());
  expect(extents.map.byteOffset).toBe(1024 * kibibyte);
  expect(extents.data.byteOffset).toBe(endOf(extents.map) + 64 * kibibyte);
});

test.each([
  ['ordered', 512, 'destage'],
  ['writeback', 512, 'destage'],
  ['ordered', 4096, 'off'],
  ['journal', 512, 'off'],
  ['none', 512, 'off'],
] as const)(
  'mode %s on LBAs of %i bytes: double writing is %s',
  (mode, logicalBlockBytes, expected) => {
    const geometry = driveGeometry({ logicalBlockBytes });
    expect(doubleWriteFor({ ...wish, mode, doubleWrite: 'auto' }, geometry)).toBe(expected);
  },
);

test('a drive that is trusted not to tear a block needs no double writing', () => {
  const geometry = driveGeometry({ logicalBlockBytes: 512, atomicWriteBlocks: 8 });
  const trusting = { ...wish, doubleWrite: 'auto', trustAtomicUnit: true } as const;
  expect(doubleWriteFor(trusting, geometry)).toBe('off');
});
