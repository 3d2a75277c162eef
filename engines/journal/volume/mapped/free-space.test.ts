import { expect, test } from 'vitest';
import { createRandom } from '../../../../harness/contract/index.ts';
import { FreeSpace } from './free-space.ts';

test('blocks are taken in order, going on where it left off, and over the end', () => {
  const free = new FreeSpace(70);
  expect([...free.take(3)!]).toEqual([0, 1, 2]);
  free.release(1);
  expect([...free.take(66)!].slice(0, 2)).toEqual([3, 4]);
  expect([...free.take(2)!]).toEqual([69, 1]);
  expect(free.take(1)).toBeUndefined();
});

test('more than there are is refused whole', () => {
  const free = new FreeSpace(40);
  expect(free.take(41)).toBeUndefined();
  expect(free.freeCount).toBe(40);
});

test('a block in use is never taken, and one taken twice is noticed', () => {
  const free = new FreeSpace(33);
  expect(free.use(32)).toBe(true);
  expect(free.use(32)).toBe(false);
  expect([...free.take(32)!]).not.toContain(32);
  free.release(5);
  expect(() => {
    free.release(5);
  }).toThrow('block 5');
});

test('what is taken and released at random is never handed out twice', () => {
  const random = createRandom(3);
  const free = new FreeSpace(200);
  const held = new Set<number>();
  for (let round = 0; round < 3000; round++) {
    if (random.chance(1, 2)) {
      for (const block of free.take(1 + random.below(5)) ?? []) {
        expect(held.has(block)).toBe(false);
        held.add(block);
      }
    } else {
      for (const block of [...held].slice(0, random.below(6))) {
        held.delete(block);
        free.release(block);
      }
    }
    expect(free.freeCount).toBe(200 - held.size);
  }
});
