import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { AppendPayloads } from './append-payloads.ts';

const payloadBytes = 4096;
/** More than what two slabs hold. */
const many = 100;

/** Copies payloads that tell their LSN, acknowledges them, and answers the copies. */
function appended(payloads: AppendPayloads, firstLsn: number, count = many): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const copy = payloads.copy(new Uint8Array(payloadBytes).fill((firstLsn + index) % 251));
    payloads.noteAcknowledged(copy, firstLsn + index);
    return copy;
  });
}

function areAsAppended(copies: readonly Uint8Array[], firstLsn: number): boolean {
  return copies.every((copy, index) => copy.every((byte) => byte === (firstLsn + index) % 251));
}

const memoryOf = (copies: readonly Uint8Array[]): Set<ArrayBufferLike> =>
  new Set(copies.map((copy) => copy.buffer));

test.each([0, 1, 4096, 32_768, 32_769, 200_000])(
  'what the caller does with its %i bytes afterwards does not change the copy, nor does it in a Buffer',
  (byteCount) => {
    for (const source of [new Uint8Array(byteCount).fill(7), Buffer.alloc(byteCount, 7)]) {
      const copy = new AppendPayloads().copy(source);
      source.fill(8);
      expect(copy.length).toBe(byteCount);
      expect(copy.every((byte) => byte === 7)).toBe(true);
    }
  },
);

test('memory is used again once all in it is released, and not before', () => {
  const payloads = new AppendPayloads();
  const first = appended(payloads, 1);
  const second = appended(payloads, 101);
  payloads.releaseThrough(100);
  const third = appended(payloads, 201);
  expect(areAsAppended(second, 101)).toBe(true);
  expect([...memoryOf(third)].some((memory) => memoryOf(first).has(memory))).toBe(true);
  expect(areAsAppended(third, 201)).toBe(true);
});

test('a payload that is not acknowledged yet stays, whatever is released', () => {
  const payloads = new AppendPayloads();
  appended(payloads, 1, 10);
  const waiting = payloads.copy(new Uint8Array(payloadBytes).fill(99));
  payloads.releaseThrough(10);
  payloads.releaseThrough(1000);
  // They stand behind it in the log, so none of them can be acknowledged before it is.
  const behind = Array.from({ length: 3 * many }, () =>
    payloads.copy(new Uint8Array(payloadBytes).fill(98)),
  );
  payloads.releaseThrough(1000);
  expect(memoryOf(behind).size).toBeGreaterThan(3);
  expect(waiting.every((byte) => byte === 99)).toBe(true);
});

test('a payload that was refused does not keep its memory from being used again', () => {
  const payloads = new AppendPayloads();
  const refused = Array.from({ length: many }, () => payloads.copy(new Uint8Array(payloadBytes)));
  appended(payloads, 1);
  payloads.releaseThrough(many);
  const next = appended(payloads, 101, 2 * many);
  expect([...memoryOf(next)].some((memory) => memoryOf(refused).has(memory))).toBe(true);
});

test('what somebody reads is left alone after its release', () => {
  const payloads = new AppendPayloads();
  const read = appended(payloads, 1);
  payloads.leaveToReaders();
  payloads.releaseThrough(many);
  appended(payloads, 101, 3 * many);
  payloads.releaseThrough(4 * many);
  appended(payloads, 401, 3 * many);
  expect(areAsAppended(read, 1)).toBe(true);
});

test('a release ahead of the acknowledgements counts when they come', () => {
  const payloads = new AppendPayloads();
  payloads.releaseThrough(1000);
  const first = appended(payloads, 1);
  expect([...memoryOf(appended(payloads, 101))].some((one) => memoryOf(first).has(one))).toBe(true);
});

test('what is never acknowledged, or never released, does not pile up', () => {
  const payloads = new AppendPayloads();
  const first = payloads.copy(new Uint8Array(payloadBytes).fill(1));
  const refused = memoryOf(
    Array.from({ length: 9000 }, () => payloads.copy(new Uint8Array(payloadBytes))),
  );
  expect(refused.size).toBeGreaterThan(256);
  payloads.noteAcknowledged(first, 1);
  const next = appended(payloads, 2, 5000);
  payloads.releaseThrough(10_000);
  expect(first.every((byte) => byte === 1)).toBe(true);
  expect(areAsAppended(next, 2)).toBe(true);
});

test('small payloads share their memory also where somebody reads between any two', () => {
  const payloads = new AppendPayloads();
  const copies = Array.from({ length: many }, (_, index) => {
    payloads.leaveToReaders();
    const copy = payloads.copy(Uint8Array.of(index));
    payloads.noteAcknowledged(copy, index + 1);
    return copy;
  });
  expect(memoryOf(copies).size).toBe(1);
  payloads.releaseThrough(many);
  appended(payloads, many + 1, 3 * many);
  expect(copies.map(([byte]) => byte)).toEqual(copies.map((_, index) => index));
});
