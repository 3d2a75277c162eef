import { describe, expect, it } from 'vitest';
import {
  createRandom,
  type DeviceGeometry,
  type DriveEffect,
  type DriveFaultRule,
  type EngineArea,
  type FaultMoment,
} from '../contract/index.ts';
import { planCrashStates } from '../drive/crash-states.ts';
import { ledgerWindowsOf } from '../drive/crash-windows.ts';
import { createMaterialiser } from '../drive/materialise.ts';
import { createSimRig, usedDrives, type SimRig } from './sim.ts';

const geometry: DeviceGeometry = {
  logicalBlockBytes: 4096,
  capacityBlocks: 16,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
};

const areas: readonly EngineArea[] = [
  { name: 'ring', device: 0, byteOffset: 0, byteCount: 4 * 4096 },
  { name: 'blocks', device: 1, byteOffset: 8 * 4096, byteCount: 4 * 4096 },
];

function startRig(): SimRig {
  const drives = usedDrives({ main: geometry, data: geometry }, 1);
  const rig = createSimRig({ ...drives, random: createRandom(1), areas, record: true });
  rig.beginWorkload();
  return rig;
}

const cut: DriveEffect = { kind: 'power-cut' };

function arm(rig: SimRig, effect: DriveEffect, moment: FaultMoment, more = {}): void {
  const faultClass = effect.kind === 'power-cut' ? 'power-loss' : 'write-error';
  const rule: DriveFaultRule = { fault: 'f', faultClass, effect, moment, times: 1, ...more };
  rig.faults.arm(rule, createRandom(1));
}

/** Writes a block and waits for what comes of it: `ok`, `silent`, or the error. */
async function write(rig: SimRig, device: 0 | 1, lba: number): Promise<string> {
  const source = new Uint8Array(4096).fill(1);
  const answer = rig.drives[device]!.write(lba, source, { fua: false }).then(
    () => 'ok',
    (error: unknown) => String(error),
  );
  return Promise.race([answer, rig.timeline.whenIdle().then(() => 'silent')]);
}

const noPower = /EIO.*no power/;

describe('a power cut on two devices', () => {
  it('takes both at the same instant unless it names one', async () => {
    const rig = startRig();
    arm(rig, cut, { atOp: 2 });
    rig.noteOp(1);
    expect(await write(rig, 1, 0)).toBe('ok');
    rig.noteOp(2);
    expect(await write(rig, 1, 1)).toBe('silent');
    expect(await write(rig, 0, 0)).toBe('silent');
    expect(rig.timeline.isHalted).toBe(true);
    expect(rig.firings).toHaveLength(1);
    expect(rig.history!.cuts.size).toBe(0);
  });

  it('of one leaves the other going, whichever drive the next request is for', async () => {
    const rig = startRig();
    arm(rig, cut, { atOp: 1 }, { device: 'data' });
    rig.noteOp(1);
    expect(await write(rig, 0, 0)).toBe('ok');
    expect([...rig.history!.cuts.keys()]).toEqual([1]);
    expect(rig.firings[0]!.details).toMatchObject({ device: 'data' });
    expect(await write(rig, 1, 0)).toMatch(noPower);
    expect(await write(rig, 0, 1)).toBe('ok');
    expect(rig.drives[1]!.image.writtenUnits()).toEqual([]);
  });

  it('fails what was in flight only once the host has noticed', async () => {
    const rig = startRig();
    arm(rig, cut, { atOp: 1 }, { device: 'main' });
    const inFlight = write(rig, 0, 0);
    rig.noteOp(1);
    const other = write(rig, 1, 0);
    expect(await other).toBe('ok');
    const beforeNs = rig.timeline.now();
    expect(await inFlight).toMatch(noPower);
    const { noticedAfterNs } = rig.firings[0]!.details;
    expect(rig.timeline.now()).toBeGreaterThanOrEqual(Number(noticedAfterNs));
    expect(rig.timeline.now()).toBeGreaterThan(beforeNs);
  });

  it('fires once, and ends everything when it takes the last drive', async () => {
    const rig = startRig();
    arm(rig, cut, { atOp: 1 }, { device: 'data', times: 'forever' });
    arm(rig, cut, { atOp: 5 }, { device: 'main' });
    rig.noteOp(1);
    expect(await write(rig, 0, 0)).toBe('ok');
    expect(await write(rig, 0, 1)).toBe('ok');
    expect(rig.firings).toHaveLength(1);
    rig.noteOp(5);
    expect(await write(rig, 0, 2)).toBe('silent');
    expect(rig.timeline.isHalted).toBe(true);
    expect(rig.firings[1]!.details).toEqual({});
  });

  it('comes with the first request to an area of the other device', async () => {
    const rig = startRig();
    arm(rig, cut, { atArea: 'blocks' }, { device: 'main' });
    expect(await write(rig, 0, 8)).toBe('ok');
    expect(await write(rig, 1, 0)).toBe('ok');
    expect(rig.firings).toEqual([]);
    expect(await write(rig, 1, 8)).toBe('ok');
    expect(rig.firings).toHaveLength(1);
    expect(await write(rig, 0, 0)).toMatch(noPower);
  });

  it('counts the flushes of the device it acts on', async () => {
    const rig = startRig();
    arm(rig, cut, { atFlush: 1 }, { device: 'data' });
    await rig.drives[0]!.flush();
    expect(rig.firings).toEqual([]);
    await expect(rig.drives[1]!.flush()).rejects.toThrow(noPower);
    expect(rig.firings).toHaveLength(1);
  });
});

describe('any other fault on two devices', () => {
  const failWrite: DriveEffect = { kind: 'fail-write', code: 'EIO', landed: 'none' };

  it('acts on main, on the device it names, or on that of its area', async () => {
    const onMain = startRig();
    arm(onMain, failWrite, { atNs: 0 });
    expect(await write(onMain, 1, 0)).toBe('ok');
    expect(await write(onMain, 0, 0)).toMatch(/EIO/);
    const onData = startRig();
    arm(onData, failWrite, { atNs: 0 }, { device: 'data' });
    expect(await write(onData, 0, 0)).toBe('ok');
    expect(await write(onData, 1, 0)).toMatch(/EIO/);
    const onArea = startRig();
    arm(onArea, failWrite, { atArea: 'blocks' });
    expect(await write(onArea, 0, 8)).toBe('ok');
    expect(await write(onArea, 1, 8)).toMatch(/EIO/);
    expect(onArea.firings[0]).toMatchObject({ area: 'blocks', details: { device: 'data' } });
  });

  it.each([
    ['both at once', { atNs: 0 }, 'both', /one device at a time/],
    ['a device that its area does not lie on', { atArea: 'blocks' }, 'main', /lies on the other/],
    ['an area that nobody knows', { atArea: 'moon' }, undefined, /names ring, blocks/],
  ] as const)('cannot act on %s', (_, moment, device, message) => {
    const rig = startRig();
    expect(() => {
      arm(rig, failWrite, moment, { device });
    }).toThrow(message);
  });

  it('cannot act on a data device that is not there', () => {
    const drives = usedDrives({ main: geometry }, 1);
    const rig = createSimRig({ ...drives, random: createRandom(1), areas, record: true });
    expect(() => {
      arm(rig, cut, { atOp: 1 }, { device: 'data' });
    }).toThrow(/one device only/);
  });
});

describe('the crash states of drives cut apart', () => {
  /** Data block 0 in flight when the data device goes; then main block 0, flushed; marks 5, 6, 7. */
  async function record(): Promise<SimRig> {
    const rig = startRig();
    arm(rig, cut, { atOp: 1 }, { device: 'data' });
    const inFlight = write(rig, 1, 0);
    rig.history!.mark(5);
    rig.noteOp(1);
    expect(await write(rig, 0, 0)).toBe('ok');
    rig.history!.mark(6);
    await rig.drives[0]!.flush();
    rig.history!.mark(7);
    await inFlight;
    await write(rig, 1, 1);
    rig.history!.mark(8);
    return rig;
  }

  it('hold what each drive had when it lost power, at the positions of the later cut', async () => {
    const { history } = await record();
    const plan = planCrashStates(history!, { statesMax: 100, random: createRandom(1) });
    const materialiser = createMaterialiser(plan);
    const found = plan.states.map((state) => {
      const [main, data] = materialiser
        .images(state)
        .map((image) => image.writtenUnits().map(({ index }) => index));
      const windows = ledgerWindowsOf(history!, state).map(({ window }) => window);
      const { first } = windows[0]!;
      return { main, data, first, last: windows.at(-1)!.last };
    });
    // What was in flight on the data device may have landed, for good; what came later cannot have.
    expect(found).toEqual([
      { main: [], data: [], first: 0, last: 6 },
      { main: [], data: [0], first: 0, last: 6 },
      { main: [0], data: [], first: 5, last: 8 },
      { main: [0], data: [0], first: 5, last: 8 },
    ]);
  });
});
