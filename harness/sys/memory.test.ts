import { expect, test } from 'vitest';
import { loadSystemCalls } from './libc.ts';
import { Arena } from './memory.ts';

const answer = await loadSystemCalls();

test.skipIf(!answer.available)('memory is zeroed, page-aligned and does not overlap', () => {
  using arena = newArena();
  const views = [1, 4096, 5000, 3 * 1024 * 1024].map((size) => arena.allocate(size));
  for (const [index, view] of views.entries()) {
    expect(arena.addressOf(view)! % 4096).toBe(0);
    expect(view.every((byte) => byte === 0)).toBe(true);
    view.fill(index + 1);
  }
  for (const [index, view] of views.entries()) {
    expect(view.every((byte) => byte === index + 1)).toBe(true);
  }
});

test.skipIf(!answer.available)('a part of a view has the address of its first byte', () => {
  using arena = newArena();
  const view = arena.allocate(8192);
  expect(arena.addressOf(view.subarray(512))).toBe(arena.addressOf(view)! + 512);
});

test.skipIf(!answer.available)('foreign memory and memory given back have no address', () => {
  const arena = newArena();
  const view = arena.allocate(4096);
  expect(arena.addressOf(new Uint8Array(4096))).toBeUndefined();
  arena[Symbol.dispose]();
  expect(arena.addressOf(view)).toBeUndefined();
  expect(() => arena.allocate(1)).toThrow(/disposed/);
});

test.skipIf(!answer.available)('a view kept after disposal reads zeros and crashes nothing', () => {
  const arena = newArena();
  const view = arena.allocate(4096).fill(7);
  arena[Symbol.dispose]();
  expect(view[100]).toBe(0);
  view[100] = 1;
});

function newArena(): Arena {
  if (!answer.available) throw new Error(answer.reason);
  return new Arena(answer.calls);
}

test.skipIf(!answer.available)('a view with a mapping of its own can be given back alone', () => {
  using arena = newArena();
  const [small] = [arena.allocate(4096).fill(1), arena.allocate(4096)];
  const large = arena.allocate(8 * 1024 * 1024).fill(2);
  const other = arena.allocate(4096).fill(3);
  arena.release(large.subarray(4096));
  arena.release(small);
  expect([small[0], large[0]]).toEqual([1, 2]);
  arena.release(large);
  expect(large[0]).toBe(0);
  expect(arena.addressOf(large)).toBeUndefined();
  const again = arena.allocate(8 * 1024 * 1024);
  expect(again.every((byte) => byte === 0)).toBe(true);
  expect(arena.mappingOf(again)!.index).not.toBe(arena.mappingOf(other)!.index);
  expect([small[0], other[0]]).toEqual([1, 3]);
});
