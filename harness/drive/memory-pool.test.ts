import { expect, test } from 'vitest';
import { MemoryPool } from './memory-pool.ts';

test('a buffer comes zeroed, also one that was used before', () => {
  const pool = new MemoryPool();
  const first = pool.allocate(512).fill(7);
  pool.reset();
  const again = pool.allocate(512);
  expect(again).toBe(first);
  expect(again).toEqual(new Uint8Array(512));
});

test('buffers in use are never handed out twice', () => {
  const pool = new MemoryPool();
  const first = pool.allocate(512);
  expect(pool.allocate(512)).not.toBe(first);
  expect(pool.allocate(4096)).toHaveLength(4096);
});
