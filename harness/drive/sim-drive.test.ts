import { beforeEach, describe, expect, test } from 'vitest';
import {
  createRandom,
  type DeviceGeometry,
  type DriveEffect,
  type EngineArea,
  type FaultMoment,
} from '../contract/index.ts';
import { planCrashStates } from './crash-states.ts';
import { ledgerWindowsOf } from './crash-windows.ts';
import { isForeign } from './foreign.ts';
import { History } from './history.ts';
import { createImage } from './image.ts';
import { SimDrive, type SimDriveOptions } from './sim-drive.ts';
import { Timeline } from './timeline.ts';

const geometry: DeviceGeometry = {
  logicalBlockBytes: 512,
  capacityBlocks: 1024,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
};
const areas: readonly EngineArea[] = [
  { name: 'superblock', device: 0, byteOffset: 0, byteCount: 4096 },
  { name: 'ring', device: 0, byteOffset: 4096, byteCount: 65_536 },
];

let timeline: Timeline;
let history: History;
let drive: SimDrive;

function startDrive(options: Partial<SimDriveOptions> = {}): void {
  timeline = new Timeline();
  history = new History(timeline);
  const shape = options.geometry ?? geometry;
  drive = new SimDrive({
    name: 'twin',
    device: 0,
    timeline,
    geometry: shape,
    image: createImage(shape, 1),
    random: createRandom(1),
    history,
    areas,
    ...options,
  });
}

beforeEach(() => {
  startDrive();
});

function blocks(count: number, fill: number): Uint8Array {
  return new Uint8Array(512 * count).fill(fill);
}

async function write(lba: number, count: number, fill: number, fua = false): Promise<number> {
  return drive.write(lba, blocks(count, fill), { fua });
}

/** First byte of each block. */
async function read(lba: number, count: number): Promise<number[]> {
  const target = drive.allocate(512 * count);
  await drive.read(lba, target);
  return Array.from({ length: count }, (_, block) => target[block * 512]!);
}

function arm(
  effect: DriveEffect,
  moment: FaultMoment = { atOp: 0 },
  times: number | 'forever' = 1,
) {
  drive.arm({ fault: 'test', faultClass: 'bit-rot', effect, moment, times }, createRandom(2));
  drive.beginWorkload();
}

function statesEver(): number {
  return planCrashStates(history, { statesMax: 10_000, random: createRandom(0) }).states.length;
}

/** The crash states at the end of the history. */
function statesAtEnd(): number {
  const plan = planCrashStates(history, { statesMax: 10_000, random: createRandom(0) });
  return plan.states.filter((state) => state.windows.at(-1)!.endSeq > history.end).length;
}

describe('requests', () => {
  test('a read answers what was applied, and foreign data where nothing was written', async () => {
    expect(await write(8, 2, 5)).toBe(1024);
    expect(await read(8, 2)).toEqual([5, 5]);
    const target = drive.allocate(512);
    expect(await drive.read(100, target)).toBe(512);
    expect(isForeign(target)).toBe(true);
  });

  test('overlapping requests complete in an order that only the seed decides', async () => {
    const orderFor = async (seed: number): Promise<number[]> => {
      startDrive({ random: createRandom(seed) });
      const order: number[] = [];
      const one = async (lba: number): Promise<void> => {
        await write(lba, 1, 1);
        order.push(lba);
      };
      await Promise.all(Array.from({ length: 8 }, (_, lba) => one(lba)));
      return order;
    };
    expect(await orderFor(1)).toEqual(await orderFor(1));
    expect(await orderFor(1)).not.toEqual(await orderFor(2));
    expect(await orderFor(1)).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('an engine that acts before the answer reads what was there before', async () => {
    const pending = write(0, 1, 7);
    for (let tick = 0; tick < 50; tick++) await Promise.resolve();
    const target = drive.allocate(512);
    drive.image.read(0, target);
    expect(isForeign(target)).toBe(true);
    await pending;
    drive.image.read(0, target);
    expect(target[0]).toBe(7);
  });

  test.each([
    ['a range beyond the capacity', 1023, 1024],
    ['a part of a block', 0, 100],
    ['nothing', 0, 0],
    ['a fraction of an LBA', 0.5, 512],
    ['a negative LBA', -1, 512],
  ])('%s is refused with EINVAL and not recorded', async (_, lba, byteCount) => {
    const buffer = new Uint8Array(byteCount);
    await expect(drive.write(lba, buffer, { fua: false })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    await expect(drive.read(lba, buffer)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(history.end).toBe(0);
  });

  test('a write of part of an atomic unit is refused', async () => {
    startDrive({ geometry: { ...geometry, atomicWriteBlocks: 4 } });
    await expect(write(0, 2, 1)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(write(2, 4, 1)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(drive.discard(2, 4)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await write(4, 4, 1)).toBe(2048);
    expect(await read(5, 1)).toEqual([1]);
  });

  test('FUA on a drive without it is refused', async () => {
    startDrive({ geometry: { ...geometry, supportsFua: false } });
    await expect(write(0, 1, 1, true)).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  });

  test('a buffer that changes under a write in flight is held against the engine', async () => {
    const buffer = blocks(1, 1);
    const pending = drive.write(0, buffer, { fua: false });
    buffer[17] = 9;
    await expect(pending).rejects.toThrow(/changed while the write was in flight/);
    expect(drive.misuse).toMatch(/changed while the write was in flight/);
    expect(await read(0, 1)).toEqual([1]);
  });

  test('a discarded block reads as before or as zeros, the same each time', async () => {
    await write(0, 64, 3);
    await drive.discard(0, 64);
    const first = await read(0, 64);
    expect(new Set(first)).toEqual(new Set([0, 3]));
    expect(await read(0, 64)).toEqual(first);
  });

  test('a failed flush does not bring back what was discarded', async () => {
    await write(0, 64, 3);
    await drive.flush();
    await drive.discard(0, 64);
    const first = await read(0, 64);
    arm({ kind: 'fail-flush', drops: true });
    await expect(drive.flush()).rejects.toMatchObject({ code: 'EIO' });
    expect(await read(0, 64)).toEqual(first);
  });

  test('counters say what the drive received', async () => {
    await write(0, 2, 1);
    await write(2, 1, 1, true);
    await drive.flush();
    await read(0, 3);
    await drive.discard(0, 1);
    expect(drive.counters).toEqual({
      requests: 5,
      reads: 1,
      writes: 2,
      bytesRead: 1536,
      bytesWritten: 1536,
      flushes: 1,
      fuaWrites: 1,
      discards: 1,
    });
  });

  test('disposal abandons: what is in flight is never answered and lands nowhere', async () => {
    let answered = false;
    void write(0, 1, 1).then(() => (answered = true));
    await drive[Symbol.asyncDispose]();
    await timeline.whenIdle();
    expect(answered).toBe(false);
    expect(drive.counters.flushes).toBe(0);
    expect(drive.image.writtenUnits()).toEqual([]);
  });

  test('the request over the limit is reported and never answered', async () => {
    let exceeded = 0;
    startDrive({ requestLimit: { left: 2, onExceeded: () => (exceeded += 1) } });
    await read(0, 1);
    await read(0, 1);
    const third = read(0, 1).then(() => 'answered');
    expect(await Promise.race([third, timeline.whenIdle().then(() => 'idle')])).toBe('idle');
    expect(exceeded).toBe(1);
  });
});

describe('durability', () => {
  test('a flush submitted before its write has completed covers nothing', async () => {
    await Promise.all([write(0, 1, 1), drive.flush()]);
    expect(statesAtEnd()).toBe(2);
    await drive.flush();
    expect(statesAtEnd()).toBe(1);
  });

  /** Whether power loss once the ack stands in the ledger can leave the block unwritten. */
  async function canLose(seed: number, waitForFlush: () => Promise<unknown>): Promise<boolean> {
    startDrive({ random: createRandom(seed) });
    await write(0, 1, 1);
    await waitForFlush();
    history.mark(1);
    await timeline.whenIdle();
    const plan = planCrashStates(history, { statesMax: 100, random: createRandom(0) });
    const unwritten = plan.states.find(({ bornAt }) => bornAt === 0)!;
    return ledgerWindowsOf(history, unwritten).some(({ window }) => window.last >= 1);
  }

  test('an ack that does not wait for its flush is caught at every seed, however many ticks later', async () => {
    for (let seed = 0; seed < 30; seed++) {
      expect(await canLose(seed, async () => drive.flush())).toBe(false);
      for (const ticks of [0, 1, 2, 5, 100]) {
        const early = async (): Promise<void> => {
          void drive.flush();
          for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
        };
        expect(await canLose(seed, early)).toBe(true);
      }
    }
  });

  test('FUA and a drive without a cache make a write durable when it completes', async () => {
    await write(0, 4, 1, true);
    expect(statesAtEnd()).toBe(1);
    startDrive({ geometry: { ...geometry, writeCache: 'none' } });
    await write(0, 4, 1);
    expect(statesAtEnd()).toBe(1);
  });

  test('a completed write of four units that was not flushed is torn in every way', async () => {
    await write(0, 4, 1);
    expect(statesAtEnd()).toBe(16);
  });
});

describe('faults', () => {
  test('power-cut: the request that meets it and all in flight are never answered', async () => {
    arm({ kind: 'power-cut' }, { atFlush: 1 });
    let answers = 0;
    await write(0, 1, 1);
    for (const request of [write(1, 1, 1), drive.flush(), read(0, 1)]) {
      void request.then(() => (answers += 1));
    }
    await timeline.whenIdle();
    expect(answers).toBe(0);
    expect(timeline.isHalted).toBe(true);
    expect(drive.firings).toHaveLength(1);
    expect(history.events.at(-1)!.kind).toBe('fault');
  });

  test('ignore-flush: answered OK, nothing becomes durable', async () => {
    arm({ kind: 'ignore-flush' }, { atFlush: 1 });
    await write(0, 1, 1);
    await drive.flush();
    expect(statesAtEnd()).toBe(2);
    await drive.flush();
    expect(statesAtEnd()).toBe(1);
  });

  test('lose-write: answered OK, lands nowhere', async () => {
    arm({ kind: 'lose-write' });
    expect(await write(0, 1, 1, true)).toBe(512);
    expect(drive.image.writtenUnits()).toEqual([]);
    expect(statesEver()).toBe(1);
    await write(0, 1, 2);
    expect(await read(0, 1)).toEqual([2]);
  });

  test('tear-write: answered OK, some units land and some do not', async () => {
    arm({ kind: 'tear-write' });
    await write(40, 1, 9);
    expect(drive.firings).toHaveLength(0);
    expect(await write(0, 8, 1)).toBe(4096);
    const landed = drive.image.writtenUnits().filter(({ index }) => index < 8).length;
    expect(landed).toBeGreaterThan(0);
    expect(landed).toBeLessThan(8);
    // Beside the write of one unit: not even in flight is more on the medium than the lie lands.
    expect(statesEver()).toBe(2 * 2 ** landed);
  });

  test('misdirect-write: lands elsewhere, and waits for a write that has room', async () => {
    arm({ kind: 'misdirect-write', shiftUnits: 4 });
    await write(1022, 2, 9);
    expect(drive.firings).toHaveLength(0);
    await write(8, 2, 1);
    expect(drive.image.writtenUnits().map(({ index }) => index)).toEqual([12, 13, 1022, 1023]);
    expect(drive.firings[0]).toMatchObject({
      area: 'ring',
      details: { lba: 8, landedAtLba: 12 },
    });
  });

  test('rot: bits flip at the moment and stay flipped until the unit is written again', async () => {
    await write(16, 1, 0);
    await drive.flush();
    arm({ kind: 'rot', bits: 3 }, { atOp: 2 });
    drive.noteOp(1);
    expect(drive.firings).toHaveLength(0);
    drive.noteOp(2);
    const first = drive.allocate(512);
    await drive.read(16, first);
    const second = drive.allocate(512);
    await drive.read(16, second);
    expect(second).toEqual(first);
    const bits = first.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect(bits).toBe(3);
    expect(drive.firings[0]).toMatchObject({ area: 'ring', details: { lba: 16 } });
    // It is durable at once.
    expect(statesAtEnd()).toBe(1);
    await write(16, 1, 0);
    expect(await read(16, 1)).toEqual([0]);
  });

  test('rot aimed at an area waits for a write that completes there', async () => {
    arm({ kind: 'rot', bits: 1 }, { atArea: 'ring' });
    await write(0, 8, 0);
    expect(drive.firings).toHaveLength(0);
    await write(4, 6, 0);
    expect(drive.firings).toHaveLength(1);
    expect(drive.firings[0]!.area).toBe('ring');
    expect(drive.firings[0]!.details['lba']).toBeGreaterThanOrEqual(8);
  });

  test('stale-read: one read gets the version before, the next the right one', async () => {
    await write(0, 1, 1);
    await write(0, 1, 2);
    arm({ kind: 'stale-read' });
    expect(await read(500, 1)).not.toEqual([0]);
    expect(drive.firings).toHaveLength(0);
    expect(await read(0, 1)).toEqual([1]);
    expect(await read(0, 1)).toEqual([2]);
  });

  test('fail-read: EIO once, or until the unit is written again', async () => {
    await write(0, 4, 1);
    arm({ kind: 'fail-read', sticky: false });
    await expect(read(0, 4)).rejects.toMatchObject({ code: 'EIO', operation: 'read' });
    expect(await read(0, 4)).toEqual([1, 1, 1, 1]);
    arm({ kind: 'fail-read', sticky: true });
    await expect(read(0, 4)).rejects.toMatchObject({ code: 'EIO' });
    await expect(read(0, 4)).rejects.toMatchObject({ code: 'EIO' });
    const readable = await Promise.allSettled([0, 1, 2, 3].map((lba) => read(lba, 1)));
    expect(readable.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await write(0, 4, 2);
    expect(await read(0, 4)).toEqual([2, 2, 2, 2]);
    expect(drive.firings).toHaveLength(2);
  });

  test('fail-write: the error is told, a part may have landed', async () => {
    arm({ kind: 'fail-write', code: 'ENOSPC', landed: 'none' });
    await expect(write(0, 8, 1)).rejects.toMatchObject({ code: 'ENOSPC', operation: 'write' });
    expect(drive.image.writtenUnits()).toEqual([]);
    expect(statesAtEnd()).toBe(1);
    arm({ kind: 'fail-write', code: 'EIO', landed: 'some' });
    await expect(write(0, 8, 1, true)).rejects.toMatchObject({ code: 'EIO' });
    const landed = drive.image.writtenUnits().length;
    expect(landed).toBeGreaterThan(0);
    // The error promised nothing, so FUA made nothing durable.
    expect(statesAtEnd()).toBe(2 ** landed);
  });

  test('fail-flush: nothing becomes durable, and what it covered may be gone', async () => {
    await write(0, 1, 1);
    await drive.flush();
    await write(0, 1, 2);
    arm({ kind: 'fail-flush', drops: false });
    await expect(drive.flush()).rejects.toMatchObject({ code: 'EIO', operation: 'flush' });
    expect(await read(0, 1)).toEqual([2]);
    expect(statesAtEnd()).toBe(2);
    arm({ kind: 'fail-flush', drops: true });
    await expect(drive.flush()).rejects.toMatchObject({ code: 'EIO' });
    expect(await read(0, 1)).toEqual([1]);
    // The retry succeeds and proves nothing.
    await drive.flush();
    expect(await read(0, 1)).toEqual([1]);
    expect(statesAtEnd()).toBe(1);
  });

  test('short-write: a prefix of whole units lands and the answer says how much', async () => {
    arm({ kind: 'short-write' });
    const byteCount = await write(0, 8, 1, true);
    expect(byteCount % 512).toBe(0);
    expect(byteCount).toBeLessThan(4096);
    const written = drive.image.writtenUnits().map(({ index }) => index);
    expect(written).toEqual(Array.from({ length: byteCount / 512 }, (_, index) => index));
    expect(statesAtEnd()).toBe(1);
  });

  test('stall: the answer comes that much later', async () => {
    arm({ kind: 'stall', delayNs: 5_000_000 });
    const before = timeline.now();
    await write(0, 1, 1);
    expect(timeline.now() - before).toBeGreaterThan(5_000_000);
    expect(drive.firings).toHaveLength(1);
    const after = timeline.now();
    await write(0, 1, 1);
    expect(timeline.now() - after).toBeLessThan(5_000_000);
  });

  test('moments: an op, a flush, a time, a byte range, an area', async () => {
    const firedAt = async (moment: FaultMoment): Promise<number> => {
      startDrive();
      await drive.flush();
      arm({ kind: 'lose-write' }, moment);
      for (let step = 1; step <= 10; step++) {
        drive.noteOp(step);
        await write(step, 1, step);
        await drive.flush();
        if (drive.firings.length > 0) return step;
      }
      return 0;
    };
    expect(await firedAt({ atOp: 4 })).toBe(4);
    // The third flush comes after the third write, so the fourth is the first that can be hit.
    expect(await firedAt({ atFlush: 3 })).toBe(4);
    expect(await firedAt({ atNs: 0 })).toBe(1);
    expect(await firedAt({ atNs: 300_000 })).toBeGreaterThan(1);
    expect(await firedAt({ atBytes: { byteOffset: 512 * 7, byteCount: 1 } })).toBe(7);
    expect(await firedAt({ atArea: 'ring' })).toBe(8);
    expect(await firedAt({ atOp: 11 })).toBe(0);
  });

  test('times and within bound what a rule does', async () => {
    const within = { byteOffset: 1024, byteCount: 1024 };
    drive.arm(
      {
        fault: 'test',
        faultClass: 'lost-write',
        effect: { kind: 'lose-write' },
        moment: { atOp: 0 },
        times: 2,
        within,
      },
      createRandom(1),
    );
    await write(2, 1, 1);
    drive.beginWorkload();
    for (const lba of [0, 1, 2, 3, 4, 2]) await write(lba, 1, lba + 1);
    expect(drive.firings.map(({ details }) => details['lba'])).toEqual([2, 3]);
    expect(await read(0, 1)).toEqual([1]);
    expect(await read(2, 1)).toEqual([3]);
  });

  test('an area that the engine does not name is refused when the rule is armed', () => {
    expect(() => {
      arm({ kind: 'rot', bits: 1 }, { atArea: 'rings' });
    }).toThrow(/"rings".*superblock, ring/);
  });

  test('a lie stands in the history before the write it is told about', async () => {
    arm({ kind: 'misdirect-write', shiftUnits: 1 });
    await write(0, 1, 1);
    expect(history.events.map(({ kind }) => kind)).toEqual(['fault', 'submit', 'complete']);
    expect(history.events[2]).toMatchObject({ answer: 'ok', effect: 'elsewhere' });
  });
});
