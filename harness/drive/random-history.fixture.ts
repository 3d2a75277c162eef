import type {
  DeviceGeometry,
  DriveEffect,
  DriveFaultRule,
  FaultClass,
  FaultMoment,
  Random,
} from '../contract/index.ts';
import { History } from './history.ts';
import { createImage, type SparseImage } from './image.ts';
import { SimDrive } from './sim-drive.ts';
import { Timeline } from './timeline.ts';

export interface RandomHistoryOptions {
  readonly devices: number;
  readonly requests: number;
  readonly unitsPerDevice: number;
  readonly faults: number;
}

export interface RecordedRun {
  readonly history: History;
  readonly drives: readonly SimDrive[];
}

/**
 * Drives real simulated drives with requests, pauses and faults that chance picks, from few contents
 * and few units, so that everything overlaps. For tests; the same chance gives the same history.
 */
export async function recordRandomHistory(
  random: Random,
  options: RandomHistoryOptions,
): Promise<RecordedRun> {
  const timeline = new Timeline();
  const history = new History(timeline);
  const drives = Array.from({ length: options.devices }, (_, device) =>
    startDrive(device, timeline, history, options.unitsPerDevice, random.fork(`drive-${device}`)),
  );
  armSome(drives, options, random.fork('faults'));
  for (const drive of drives) drive.beginWorkload();
  const loneCut = drawLoneCut(options, random.fork('lone cut'));
  for (let step = 1; step <= options.requests && !timeline.isHalted; step++) {
    const drive = drives[random.below(drives.length)]!;
    drive.noteOp(step);
    if (loneCut?.step === step) cutAlone(history, drives[loneCut.device]!, loneCut);
    submitSomething(drive, random);
    if (random.chance(1, 3)) history.mark(step);
    if (random.chance(1, 2)) await pause(timeline, random.below(150_000));
  }
  if (random.chance(1, 2)) await timeline.whenIdle();
  timeline.halt();
  return { history, drives };
}

interface LoneCut {
  readonly step: number;
  readonly device: number;
  readonly noticedAfterNs: number;
}

/** Half of the time, where there are several drives, one of them loses power before the others. */
function drawLoneCut(
  { devices, requests }: RandomHistoryOptions,
  random: Random,
): LoneCut | undefined {
  if (devices < 2 || random.chance(1, 2)) return undefined;
  return {
    step: 1 + random.below(requests),
    device: random.below(devices),
    noticedAfterNs: random.below(200_000),
  };
}

/** Marks of its own in the details, by which a test can find it without the history's help. */
function cutAlone(history: History, drive: SimDrive, { device, noticedAfterNs }: LoneCut): void {
  const details = { device, isAlone: true };
  history.cutAlone(device, { fault: 'lone-cut', faultClass: 'power-loss', atNs: 0, details });
  drive.losePower(noticedAfterNs);
}

async function pause(timeline: Timeline, delayNs: number): Promise<void> {
  const elapsed = new Promise<void>((resolve) => {
    timeline.after(delayNs, resolve);
  });
  await Promise.race([elapsed, timeline.whenIdle()]);
}

function startDrive(
  device: number,
  timeline: Timeline,
  history: History,
  unitCount: number,
  random: Random,
): SimDrive {
  const atomicWriteBlocks = 1 + random.below(2);
  const geometry: DeviceGeometry = {
    logicalBlockBytes: 512,
    capacityBlocks: unitCount * atomicWriteBlocks,
    atomicWriteBlocks,
    writeCache: random.chance(1, 4) ? 'none' : 'volatile',
    supportsFua: true,
  };
  const image = createImage(geometry, device);
  if (random.chance(1, 2)) image.writeBytes(0, contentsOf(image, 0, 1, random));
  const name = `twin-${device}`;
  return new SimDrive({ name, device, timeline, geometry, image, random, history });
}

function submitSomething(drive: SimDrive, random: Random): void {
  const { image, geometry } = drive;
  const firstUnit = random.below(image.unitCount);
  const unitCount = 1 + random.below(Math.min(2, image.unitCount - firstUnit));
  const lba = firstUnit * geometry.atomicWriteBlocks;
  const kind = random.below(10);
  if (kind < 6) {
    const payload = contentsOf(image, firstUnit, unitCount, random);
    ignore(drive.write(lba, payload, { fua: random.chance(1, 4) }));
  } else if (kind < 8) {
    ignore(drive.flush());
  } else if (kind < 9) {
    ignore(drive.discard(lba, unitCount * geometry.atomicWriteBlocks));
  } else {
    ignore(drive.read(lba, drive.allocate(unitCount * image.unitBytes)));
  }
}

/** Requests may fail: the faults see to that. */
function ignore(request: Promise<unknown>): void {
  request.then(undefined, () => undefined);
}

/** Few contents, among them zeros and the unit's own foreign pattern, so that equal ones occur. */
function contentsOf(
  image: SparseImage,
  firstUnit: number,
  unitCount: number,
  random: Random,
): Uint8Array {
  const bytes = new Uint8Array(unitCount * image.unitBytes);
  for (let place = 0; place < unitCount; place++) {
    const content = random.below(5);
    const unit = bytes.subarray(place * image.unitBytes, (place + 1) * image.unitBytes);
    if (content === 4) unit.set(image.foreignUnit(firstUnit + place).bytes);
    else unit.fill(content);
  }
  return bytes;
}

const randomEffects: readonly [FaultClass, DriveEffect][] = [
  ['flush-ignored', { kind: 'ignore-flush' }],
  ['lost-write', { kind: 'lose-write' }],
  ['torn-write', { kind: 'tear-write' }],
  ['misdirected-write', { kind: 'misdirect-write', shiftUnits: 1 }],
  ['misdirected-write', { kind: 'misdirect-write', shiftUnits: -1 }],
  ['bit-rot', { kind: 'rot', bits: 1 }],
  ['stale-read', { kind: 'stale-read' }],
  ['read-error', { kind: 'fail-read', sticky: true }],
  ['write-error', { kind: 'fail-write', code: 'EIO', landed: 'none' }],
  ['write-error', { kind: 'fail-write', code: 'EIO', landed: 'some' }],
  ['flush-error', { kind: 'fail-flush', drops: false }],
  ['flush-error', { kind: 'fail-flush', drops: true }],
  ['short-write', { kind: 'short-write' }],
  ['slow-device', { kind: 'stall', delayNs: 300_000 }],
  ['power-loss', { kind: 'power-cut' }],
];

function armSome(
  drives: readonly SimDrive[],
  { faults, requests }: RandomHistoryOptions,
  random: Random,
): void {
  for (let count = 0; count < faults; count++) {
    const [faultClass, effect] = randomEffects[random.below(randomEffects.length)]!;
    const times = random.chance(1, 3) ? 'forever' : 1;
    const moment = randomMoment(requests, random);
    const rule: DriveFaultRule = { fault: faultClass, faultClass, effect, moment, times };
    drives[random.below(drives.length)]!.arm(rule, random.fork(`fault-${count}`));
  }
}

function randomMoment(requests: number, random: Random): FaultMoment {
  switch (random.below(4)) {
    case 0:
      return { atOp: 1 + random.below(requests) };
    case 1:
      return { atFlush: 1 + random.below(2) };
    case 2:
      return { atNs: random.below(200_000) };
    default:
      return { atBytes: { byteOffset: 512 * random.below(3), byteCount: 512 } };
  }
}
