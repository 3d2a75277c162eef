import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  createRandom,
  type DriveEffect,
  type DriveFaultRule,
  type FaultMoment,
} from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import { openUringDevice } from '../device/uring-device.ts';
import { kernelTwinGap } from './fuse.ts';
import { TwinForTest, errnoOf, requestsOf } from './kernel-twin.fixture.ts';

const canRun = kernelTwinGap() === undefined && (await probeHost().hasIoUring());
const forever = { times: 'forever' } as const;

function ruleOf(
  effect: DriveEffect,
  moment: FaultMoment,
  rest: Partial<DriveFaultRule> = {},
): DriveFaultRule {
  return { fault: effect.kind, faultClass: 'slow-device', effect, moment, times: 1, ...rest };
}

describe.runIf(canRun)('faults under the kernel', () => {
  async function started(): Promise<TwinForTest> {
    const test = await TwinForTest.start();
    await test.twin.beginWorkload();
    return test;
  }

  it('answer a flush that did nothing with OK', async () => {
    await using test = await started();
    await test.twin.arm(ruleOf({ kind: 'ignore-flush' }, { atNs: 0 }, forever), createRandom(1));
    await using device = await openUringDevice(test.twin.node);
    await device.write(0, device.allocate(4096).fill(1), { fua: true });
    const history = await test.twin.cut();
    expect(history.flushes.map(({ effect }) => effect).at(-1)).toBe('ignored');
    expect(test.twin.firings).toMatchObject([{ fault: 'ignore-flush' }]);
  });

  it('fail a flush, and writes to a range', async () => {
    await using test = await started();
    const failFlush = ruleOf({ kind: 'fail-flush', drops: false }, { atFlush: 2 });
    const failWrite = ruleOf(
      { kind: 'fail-write', code: 'ENOSPC', landed: 'none' },
      { atNs: 0 },
      { ...forever, within: { byteOffset: 40_960, byteCount: 4096 } },
    );
    await test.twin.arm(failFlush, createRandom(1));
    await test.twin.arm(failWrite, createRandom(2));
    await using device = await openUringDevice(test.twin.node);
    const memory = device.allocate(4096).fill(1);
    expect(await errnoOf(device.flush())).toBe('ok');
    expect(await errnoOf(device.flush())).toBe('EIO');
    expect(await errnoOf(device.write(9, memory, { fua: false }))).toBe('ok');
    expect(await errnoOf(device.write(10, memory, { fua: false }))).toBe('ENOSPC');
  });

  it('hold an answer back, and nobody else is any the wiser', async () => {
    await using test = await started();
    const stall = ruleOf({ kind: 'stall', delayNs: 300_000_000 }, { atOp: 2 });
    await test.twin.arm(stall, createRandom(1));
    await using device = await openUringDevice(test.twin.node);
    const timed = async (): Promise<number> => {
      const startedMs = performance.now();
      await device.flush();
      return performance.now() - startedMs;
    };
    await test.twin.noteOp(1);
    expect(await timed()).toBeLessThan(250);
    await test.twin.noteOp(2);
    expect(await timed()).toBeGreaterThan(290);
  });

  it('do not keep a cut waiting', async () => {
    await using test = await started();
    const stall = ruleOf({ kind: 'stall', delayNs: 60_000_000_000 }, { atNs: 0 }, forever);
    await test.twin.arm(stall, createRandom(1));
    await using device = await openUringDevice(test.twin.node);
    const flushed = errnoOf(device.flush());
    await delay(50);
    const startedMs = performance.now();
    const history = await test.twin.cut();
    expect(await flushed).toBe('EIO');
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(requestsOf(history)).toEqual(['F']);
  });

  it('cut the power at the n-th flush', async () => {
    await using test = await started();
    await test.twin.arm(ruleOf({ kind: 'power-cut' }, { atFlush: 3 }), createRandom(1));
    await using device = await openUringDevice(test.twin.node);
    await device.flush();
    await device.flush();
    expect(await errnoOf(device.flush())).toBe('EIO');
    await test.twin.powerLost;
    const history = await test.twin.cut();
    expect(history.events.slice(-2)).toMatchObject([
      { kind: 'submit', request: 'flush' },
      { kind: 'fault', firing: { fault: 'power-cut' } },
    ]);
  });

  it('that the kernel has not are refused', async () => {
    await using test = await started();
    const rule = ruleOf({ kind: 'short-write' }, { atNs: 0 });
    await expect(test.twin.arm(rule, createRandom(1))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
