import { describe, expect, it } from 'vitest';
import { createRandom, type DriveEffect, type DriveFaultRule } from '../../contract/index.ts';
import { decodeHistory, encodeHistory } from '../history-file.ts';
import { blocksOf, createStore, endStatesOf, storeGeometry, storyOf } from './store.fixture.ts';

function ruleOf(effect: DriveEffect, changes: Partial<DriveFaultRule> = {}): DriveFaultRule {
  const moment = { atNs: 0 };
  const faultClass = 'flush-ignored';
  return { fault: effect.kind, faultClass, effect, moment, times: 'forever', ...changes };
}

describe('what is recorded of requests', () => {
  it('is their order: submitted when read, complete when answered, marks in between', () => {
    const { store } = createStore();
    store.mark(0);
    const write = store.write(512, blocksOf(1), false);
    store.mark(1);
    expect(write.finish()).toBe('ok');
    store.mark(2);
    expect(store.flush().finish()).toBe('ok');
    expect(storyOf(store.history.events)).toEqual([
      'mark 0',
      'S write 1',
      'mark 1',
      'C write ok whole',
      'mark 2',
      'S flush 0',
      'C flush ok persisted',
    ]);
  });

  it('keeps the bytes of a write without copying them', () => {
    const { store } = createStore();
    const bytes = blocksOf(9, 3);
    store.write(0, bytes, false).finish();
    const [write] = store.history.writes;
    expect(write!.payload).toBe(bytes);
    expect(write!.units.every((unit) => unit.bytes.buffer === bytes.buffer)).toBe(true);
  });

  it('goes through the file form and comes back', () => {
    const { store } = createStore();
    store.write(0, blocksOf(1, 2), true).finish();
    store.writeZeros(1024, 1024, false).finish();
    store.discard(0, 512).finish();
    store.write(4096, blocksOf(3), false);
    const file = encodeHistory(store.history);
    expect(encodeHistory(decodeHistory(file))).toEqual(file);
  });
});

describe('what a crash may leave', () => {
  it('is all of a write that a flush covered', () => {
    const { store } = createStore();
    store.write(0, blocksOf(1), false).finish();
    store.flush().finish();
    expect(endStatesOf(store.history, [0])).toEqual(['1']);
  });

  it('is either where the flush was read before the write was answered', () => {
    const { store } = createStore();
    const write = store.write(0, blocksOf(1), false);
    const flush = store.flush();
    expect([write.finish(), flush.finish()]).toEqual(['ok', 'ok']);
    expect(endStatesOf(store.history, [0])).toEqual(['-', '1']);
  });

  it('is all of an FUA write, and nothing sure of the one beside it', () => {
    const { store } = createStore();
    store.write(0, blocksOf(1), true).finish();
    store.write(512, blocksOf(2), false).finish();
    expect(endStatesOf(store.history, [0, 1])).toEqual(['1 -', '1 2']);
  });

  it('is everything written where the drive has no volatile cache', () => {
    const { store } = createStore({ ...storeGeometry, writeCache: 'none' });
    store.write(0, blocksOf(1), false).finish();
    expect(endStatesOf(store.history, [0])).toEqual(['1']);
  });

  it('is zeros or the former contents of a discard, and zeros for good where they were written', () => {
    const { store } = createStore();
    store.write(0, blocksOf(1, 2), false).finish();
    store.flush().finish();
    store.discard(0, 512).finish();
    store.writeZeros(512, 512, false).finish();
    store.flush().finish();
    expect(endStatesOf(store.history, [0, 1])).toEqual(['0 0', '1 0']);
  });
});

describe('the live contents', () => {
  it('are what was written last, zeros included', () => {
    const { store, image } = createStore();
    store.write(0, blocksOf(1, 4), false).finish();
    store.writeZeros(512, 1024, false).finish();
    const target = new Uint8Array(2048);
    expect(store.read(0, target).finish()).toBe('ok');
    expect([target[0], target[512], target[1024], target[1536]]).toEqual([1, 0, 0, 1]);
    expect(image.readUnit(1).bytes[0]).toBe(0);
  });

  it('are foreign data where nothing was written', () => {
    const { store } = createStore();
    const target = new Uint8Array(512);
    store.read(1024, target).finish();
    expect(Buffer.from(target.subarray(0, 8)).toString('latin1')).toBe('FOREIGN!');
  });

  it('merge parts of one atomic unit, also those in flight together', () => {
    const { store } = createStore({ ...storeGeometry, atomicWriteBlocks: 8 });
    const first = store.write(512, blocksOf(1), false);
    const second = store.write(1024, blocksOf(2), false);
    expect([first.finish(), second.finish()]).toEqual(['ok', 'ok']);
    const target = new Uint8Array(4096);
    store.read(0, target).finish();
    expect([target[0], target[512], target[1024], target[1536]]).toEqual([70, 1, 2, 70]);
  });

  it('of zeros longer than a piece are zeros throughout', () => {
    const geometry = { ...storeGeometry, capacityBlocks: 8192 };
    const { store } = createStore(geometry);
    const pending = store.writeZeros(0, 3 * 1024 * 1024, false);
    expect(pending.finish()).toBe('ok');
    const target = new Uint8Array(3 * 1024 * 1024).fill(1);
    store.read(0, target).finish();
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect([...store.history.writes]).toHaveLength(3);
  });
});

describe('what cannot be', () => {
  it.each([
    ['half a block', 256, 512],
    ['past the end', 1024 * 512, 512],
    ['no bytes', 0, 0],
  ])('is refused, and not recorded: %s', (_, byteOffset, byteCount) => {
    const { store } = createStore();
    const bytes = new Uint8Array(byteCount);
    expect(store.write(byteOffset, bytes, false).finish()).toBe('EINVAL');
    expect(store.read(byteOffset, bytes).finish()).toBe('EINVAL');
    expect(store.writeZeros(byteOffset, byteCount, false).finish()).toBe('EINVAL');
    expect(store.discard(byteOffset, byteCount).finish()).toBe('EINVAL');
    expect(store.history.end).toBe(0);
  });

  it('is FUA on a drive without it', () => {
    const { store } = createStore({ ...storeGeometry, supportsFua: false });
    expect(store.write(0, blocksOf(1), true).finish()).toBe('EOPNOTSUPP');
  });

  it('is a short write, which Linux would take for a whole one', () => {
    const { store } = createStore();
    expect(() => {
      store.arm(ruleOf({ kind: 'short-write' }), createRandom(1));
    }).toThrow(/short writes/);
  });
});

describe('a power cut', () => {
  it('fails everything, records nothing more, and leaves in flight what was not answered', () => {
    const { store } = createStore();
    const inFlight = store.write(0, blocksOf(1), false);
    store.cut();
    store.mark(7);
    expect(inFlight.finish()).toBe('EIO');
    expect(store.write(0, blocksOf(2), false).finish()).toBe('EIO');
    expect(store.flush().finish()).toBe('EIO');
    expect(store.read(0, blocksOf(0)).finish()).toBe('EIO');
    expect(storyOf(store.history.events)).toEqual(['S write 0']);
    expect(endStatesOf(store.history, [0])).toEqual(['-', '1']);
  });

  it('by a fault comes with the request that sets it off', () => {
    const { store, cuts } = createStore();
    const rule = ruleOf({ kind: 'power-cut' }, { moment: { atFlush: 2 }, times: 1 });
    store.arm(rule, createRandom(1));
    store.beginWorkload();
    store.write(0, blocksOf(1), false).finish();
    expect(store.flush().finish()).toBe('ok');
    expect(store.flush().finish()).toBe('EIO');
    expect(store.isCut).toBe(true);
    expect(cuts).toEqual(['power-cut']);
    expect(storyOf(store.history.events).slice(-2)).toEqual(['S flush 0', 'fault power-cut']);
  });
});

describe('armed faults', () => {
  it('ignore a flush and say that it was done', () => {
    const { store } = createStore();
    store.arm(ruleOf({ kind: 'ignore-flush' }), createRandom(1));
    store.beginWorkload();
    store.write(0, blocksOf(1), false).finish();
    expect(store.flush().finish()).toBe('ok');
    expect(storyOf(store.history.events).at(-1)).toBe('C flush ok ignored');
    expect(endStatesOf(store.history, [0])).toEqual(['-', '1']);
  });

  it('fail a flush, and drop what it covered', () => {
    const { store, image } = createStore();
    store.arm(ruleOf({ kind: 'fail-flush', drops: true }), createRandom(1));
    store.beginWorkload();
    store.write(0, blocksOf(1), false).finish();
    expect(store.flush().finish()).toBe('EIO');
    expect(image.readUnit(0).bytes[0]).not.toBe(1);
    expect(endStatesOf(store.history, [0])).toEqual(['-']);
  });

  it('fail writes to a range, and no others', () => {
    const { store } = createStore();
    const within = { byteOffset: 0, byteCount: 512 };
    const effect = { kind: 'fail-write', code: 'ENOSPC', landed: 'none' } as const;
    store.arm(ruleOf(effect, { within }), createRandom(1));
    store.beginWorkload();
    expect(store.write(0, blocksOf(1), false).finish()).toBe('ENOSPC');
    expect(store.write(512, blocksOf(2), false).finish()).toBe('ok');
    expect(endStatesOf(store.history, [0, 1])).toEqual(['- -', '- 2']);
  });

  it('land a misdirected write elsewhere', () => {
    const { store, image } = createStore();
    const rule = ruleOf({ kind: 'misdirect-write', shiftUnits: 3 }, { times: 1 });
    store.arm(rule, createRandom(1));
    store.beginWorkload();
    expect(store.write(0, blocksOf(1), false).finish()).toBe('ok');
    expect(image.writtenUnit(0)).toBeUndefined();
    expect(image.writtenUnit(3)?.bytes[0]).toBe(1);
  });

  it('hold an answer back', () => {
    const { store } = createStore();
    store.arm(ruleOf({ kind: 'stall', delayNs: 5_000_000 }, { times: 1 }), createRandom(1));
    store.beginWorkload();
    expect(store.flush().stallNs).toBe(5_000_000);
    expect(store.flush().stallNs).toBe(0);
  });
});
