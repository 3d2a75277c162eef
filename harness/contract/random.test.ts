import { expect, test } from 'vitest';
import { createRandom } from './random.ts';

test('the same seed and fork path give the same draws', () => {
  const draws = (): number[] => {
    const random = createRandom(1).fork('drive').fork('latency');
    return Array.from({ length: 8 }, () => random.uint32());
  };
  expect(draws()).toEqual(draws());
});

test('a fork does not depend on what was drawn before it', () => {
  const untouched = createRandom(7).fork('a').uint32();
  const parent = createRandom(7);
  parent.uint32();
  expect(parent.fork('a').uint32()).toBe(untouched);
});

test('different seeds, forks and draws differ', () => {
  const root = createRandom('root');
  const seen = new Set<number>();
  for (let seed = 0; seed < 500; seed++) seen.add(createRandom(seed).uint32());
  for (let name = 0; name < 500; name++) seen.add(root.fork(String(name)).uint32());
  for (let draw = 0; draw < 500; draw++) seen.add(root.uint32());
  expect(seen.size).toBe(1500);
});

test('below stays within its bound and reaches every value', () => {
  const random = createRandom(3);
  const counts = [0, 0, 0];
  for (let draw = 0; draw < 3000; draw++) counts[random.below(3)]! += 1;
  for (const count of counts) expect(count).toBeGreaterThan(900);
  expect(() => random.below(0)).toThrow(RangeError);
});

test('fill covers lengths that are no multiple of a word', () => {
  const bytes = new Uint8Array(1027);
  createRandom(5).fill(bytes);
  expect(new Set(bytes).size).toBeGreaterThan(200);
  expect(bytes[1026]).toBeTypeOf('number');
});
