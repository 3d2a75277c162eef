import { expect, test } from 'vitest';
import { createRandom } from '../../../../harness/contract/index.ts';
import { FreeSpace } from './free-space.ts';

function knowing(start: number, count: number, placeCount = 100_000): FreeSpace {
  const free = new FreeSpace(placeCount);
  free.addRun({ start, count });
  return free;
}

test('places are taken in order, going on where it left off, and over the end', () => {
  const free = knowing(0, 70, 70);
  expect([...free.take(3)!]).toEqual([0, 1, 2]);
  expect(free.add(1)).toBe(true);
  expect([...free.take(66)!].slice(0, 2)).toEqual([3, 4]);
  expect([...free.take(2)!]).toEqual([69, 1]);
  expect(free.take(1)).toBeUndefined();
});

test('more than are known is refused whole', () => {
  const free = knowing(31, 40);
  expect(free.take(41)).toBeUndefined();
  expect(free.knownCount).toBe(40);
});

test('a place that is not known to be free is never given out', () => {
  const free = knowing(40_000, 3);
  free.remove(40_001);
  free.remove(5);
  expect([...free.take(2)!]).toEqual([40_000, 40_002]);
  expect(free.add(9)).toBe(true);
  expect(free.add(9)).toBe(false);
});

test('when all is known, free is what is neither used nor taken, and what was known to be', () => {
  const free = knowing(3, 1, 40);
  free.addAllBut(knowing(2, 30, 40), knowing(36, 1, 40));
  expect(free.knowsAll).toBe(true);
  expect([...free.take(free.knownCount)!]).toEqual([0, 1, 3, 32, 33, 34, 35, 37, 38, 39]);
});

test('runs name known places in the order in which they will be taken, and no others', () => {
  const free = knowing(10, 30, 200_000);
  free.take(5);
  free.addRun({ start: 70_000, count: 100_000 });
  free.addRun({ start: 2, count: 1 });
  expect(free.runs(9)).toEqual([
    { start: 15, count: 25 },
    { start: 70_000, count: 65_535 },
    { start: 135_535, count: 34_465 },
    { start: 2, count: 1 },
  ]);
  expect(free.runs(1)).toEqual([{ start: 15, count: 25 }]);
});

test('what is taken and released at random is never given out twice', () => {
  const random = createRandom(3);
  const free = knowing(0, 200, 200);
  const held = new Set<number>();
  for (let round = 0; round < 3000; round++) {
    if (random.chance(1, 2)) {
      for (const place of free.take(1 + random.below(5)) ?? []) {
        expect(held.has(place)).toBe(false);
        held.add(place);
      }
    } else {
      for (const place of [...held].slice(0, random.below(6))) {
        held.delete(place);
        expect(free.add(place)).toBe(true);
      }
    }
    expect(free.knownCount).toBe(200 - held.size);
  }
  const listed = free.runs(200).flatMap(({ start, count }) => {
    return Array.from({ length: count }, (_, index) => start + index);
  });
  expect(new Set(listed).size).toBe(free.knownCount);
  expect(listed.every((place) => free.has(place))).toBe(true);
});
