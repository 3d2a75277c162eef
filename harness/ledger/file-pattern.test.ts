import { describe, expect, it } from 'vitest';
import { cellBytes, fillFileBytes, identifyBytes } from './file-pattern.ts';

function bytesOf(op: number, byteOffset: number, byteCount: number, seed = 7): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  fillFileBytes(bytes, { seed, op, byteOffset });
  return bytes;
}

describe('the bytes of a file operation', () => {
  it('are the same however the write is cut, at any offset', () => {
    const whole = bytesOf(3, 0, 200_000);
    for (const [offset, count] of [
      [0, 1],
      [5, 3],
      [15, 2],
      [16, 16],
      [4093, 70_001],
      [65_535, 65_538],
      [199_999, 1],
    ] as const) {
      expect(
        Buffer.compare(bytesOf(3, offset, count), whole.subarray(offset, offset + count)),
      ).toBe(0);
    }
  });

  it('fit a target at any place of its buffer, and touch nothing beside it', () => {
    const buffer = new Uint8Array(100).fill(0xee);
    fillFileBytes(buffer.subarray(7, 60), { seed: 7, op: 3, byteOffset: 33 });
    expect(buffer.subarray(7, 60)).toEqual(bytesOf(3, 33, 53));
    expect([buffer[6], buffer[60]]).toEqual([0xee, 0xee]);
  });

  it('differ by seed, by operation and by place', () => {
    const cells = [bytesOf(3, 0, 16), bytesOf(4, 0, 16), bytesOf(3, 16, 16), bytesOf(3, 0, 16, 8)];
    expect(new Set(cells.map((cell) => Buffer.from(cell).toString('hex'))).size).toBe(4);
  });
});

it('bytes of two operations on one place are hardly ever the same', () => {
  for (let byte = 0; byte < cellBytes; byte++) {
    const values = Array.from({ length: 200 }, (_, op) => bytesOf(op + 1, byte, 1)[0]);
    expect(new Set(values).size).toBeGreaterThan(100);
  }
});

describe('a cell that was read', () => {
  const content = new Uint8Array(64);
  content.set(bytesOf(9, 1600, 16), 16);
  content.set(bytesOf(9, 32, 16), 32);
  content.fill(0x5a, 48);

  it('says its operation and its place, wherever it is found', () => {
    expect(identifyBytes(content, 7, 1)).toEqual({ kind: 'written', op: 9, cell: 100 });
    expect(identifyBytes(content, 7, 2)).toEqual({ kind: 'written', op: 9, cell: 2 });
  });

  it('is zeros, or foreign where no operation of the run wrote it', () => {
    expect(identifyBytes(content, 7, 0)).toEqual({ kind: 'zeros' });
    expect(identifyBytes(content, 7, 3)).toEqual({ kind: 'foreign' });
    expect(identifyBytes(content, 8, 2)).toEqual({ kind: 'foreign' });
  });

  it('is foreign when any bit of it is flipped', () => {
    for (let bit = 0; bit < 8 * cellBytes; bit++) {
      const cell = bytesOf(9, 32, 16);
      cell[bit >> 3]! ^= 1 << (bit & 7);
      expect(identifyBytes(cell, 7, 0).kind).toBe('foreign');
    }
  });

  it('at the end of the file, where it is cut, is zeros or not known', () => {
    expect(identifyBytes(bytesOf(9, 0, 32), 7, 1)).toEqual({ kind: 'written', op: 9, cell: 1 });
    expect(identifyBytes(bytesOf(9, 0, 31), 7, 1)).toEqual({ kind: 'foreign' });
    expect(identifyBytes(new Uint8Array(17), 7, 1)).toEqual({ kind: 'zeros' });
  });
});
