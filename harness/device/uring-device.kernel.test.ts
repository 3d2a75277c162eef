/**
 * The io_uring device on the three kinds of target that this machine has: a regular file and loop
 * devices with 512- and 4096-byte sectors. All run the same suite, against a model in memory.
 */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRandom, type BlockDevice, type Random } from '../contract/index.ts';
import { createBackingFile } from './backing-file.ts';
import { openFileDevice } from './file-device.ts';
import { createLoopDevice } from './loop.ts';
import { openUringDevice, type UringDevice, type UringDeviceOptions } from './uring-device.ts';

const mebibyte = 1024 * 1024;
const capacityBytes = 4 * mebibyte;

interface Target {
  readonly path: string;
  release(): Promise<void>;
}

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-uring-'));
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

let fileNumber = 0;
async function newFile(byteCount = capacityBytes): Promise<string> {
  const file = path.join(folder, `image-${fileNumber++}`);
  await createBackingFile(file, byteCount);
  return file;
}

async function fileTarget(): Promise<Target> {
  const file = await newFile();
  return {
    path: file,
    release: async () => {
      fs.rmSync(file);
    },
  };
}

async function loopTarget(logicalBlockBytes: 512 | 4096): Promise<Target> {
  const backingFile = await newFile();
  const loop = await createLoopDevice(backingFile, { logicalBlockBytes });
  return {
    path: loop.node,
    release: async () => {
      await loop.detach();
      fs.rmSync(backingFile);
    },
  };
}

const targets = [
  { name: 'a file with 512-byte blocks', make: fileTarget, logicalBlockBytes: 512 },
  { name: 'a file with 4096-byte blocks', make: fileTarget, logicalBlockBytes: 4096 },
  {
    name: 'a loop device with 512-byte sectors',
    make: () => loopTarget(512),
    logicalBlockBytes: 512,
  },
  {
    name: 'a loop device with 4096-byte sectors',
    make: () => loopTarget(4096),
    logicalBlockBytes: 4096,
  },
] as const;

async function openForTest(target: Target, options: UringDeviceOptions = {}): Promise<UringDevice> {
  onTestFinished(() => target.release());
  const device = await openUringDevice(target.path, options);
  // Runs before the release above: the last one registered is the first to run.
  onTestFinished(() => device[Symbol.asyncDispose]());
  return device;
}

describe.each(targets)('on $name', ({ make, logicalBlockBytes }) => {
  const open = async (options: UringDeviceOptions = {}): Promise<UringDevice> =>
    openForTest(await make(), { logicalBlockBytes, ...options });

  test('the geometry is that of the target', async () => {
    const device = await open();
    expect(device.geometry).toEqual({
      logicalBlockBytes,
      capacityBlocks: capacityBytes / logicalBlockBytes,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: true,
    });
  });

  test('rounds of overlapping requests leave what the model says', async () => {
    const device = await open();
    const random = createRandom(11).fork(`model ${logicalBlockBytes}`);
    const model = new Uint8Array(capacityBytes);
    for (let round = 0; round < 40; round++) await writeRound(device, model, random);
    await expectContents(device, model);
  });

  test('256 requests in flight are all answered, and more wait their turn', async () => {
    const device = await open({ inFlightMax: 256 });
    const count = 600;
    const buffers = Array.from({ length: count }, (_, index) => filled(device, index));
    const answers = buffers.map((buffer, index) => device.write(index, buffer, { fua: false }));
    expect(device.inFlight).toBe(256);
    const bytes = await Promise.all(answers);
    expect(bytes.every((byteCount) => byteCount === logicalBlockBytes)).toBe(true);
    expect(device.inFlight).toBe(0);
    const back = device.allocate(logicalBlockBytes);
    for (const index of [0, 255, 256, 599]) {
      await device.read(index, back);
      expect(back, `block ${index}`).toEqual(buffers[index]);
    }
  });

  test('memory of the caller that is not aligned is copied', async () => {
    const device = await open();
    const source = Buffer.alloc(3 * logicalBlockBytes + 7, 0x5a).subarray(7);
    expect(await device.write(9, source, { fua: false })).toBe(source.byteLength);
    const target = Buffer.alloc(source.byteLength);
    expect(await device.read(9, target)).toBe(source.byteLength);
    expect(target.equals(source)).toBe(true);
  });

  test('a view of device memory off the block boundary is copied', async () => {
    const device = await open();
    const memory = device.allocate(2 * logicalBlockBytes);
    const source = memory.subarray(16, 16 + logicalBlockBytes).fill(0x3c);
    await device.write(2, source, { fua: true });
    const target = Buffer.alloc(logicalBlockBytes);
    await device.read(2, target);
    expect(target.every((byte) => byte === 0x3c)).toBe(true);
  });

  test('flush, FUA and discard are answered, and discarded blocks read as zeros', async () => {
    const device = await open();
    const block = filled(device, 1);
    expect(await device.write(4, block, { fua: true })).toBe(logicalBlockBytes);
    expect(await device.write(5, block, { fua: false })).toBe(logicalBlockBytes);
    await device.flush();
    await device.discard(4, 1);
    const back = device.allocate(2 * logicalBlockBytes);
    await device.read(4, back);
    expect(back.subarray(0, logicalBlockBytes).every((byte) => byte === 0)).toBe(true);
    expect(back.subarray(logicalBlockBytes)).toEqual(block);
  });

  test.each([
    ['part of a block', 0, logicalBlockBytes - 1],
    ['no block at all', 0, 0],
    ['a block past the end', capacityBytes / logicalBlockBytes, logicalBlockBytes],
    ['blocks across the end', capacityBytes / logicalBlockBytes - 1, 2 * logicalBlockBytes],
    ['a negative LBA', -1, logicalBlockBytes],
    ['half an LBA', 0.5, logicalBlockBytes],
  ])('%s is answered with EINVAL', async (_, lba, byteCount) => {
    const device = await open();
    const memory = device.allocate(byteCount);
    const failure = { name: 'DeviceError', code: 'EINVAL' };
    await expect(device.write(lba, memory, { fua: false })).rejects.toMatchObject(failure);
    await expect(device.read(lba, memory)).rejects.toMatchObject(failure);
    expect(device.inFlight).toBe(0);
  });

  test('allocated memory is zeroed and lies on a page', async () => {
    const device = await open();
    const small = device.allocate(512);
    const next = device.allocate(512);
    const large = device.allocate(3 * mebibyte);
    for (const memory of [small, next, large]) {
      expect(memory.byteOffset % 4096).toBe(0);
      expect(memory.every((byte) => byte === 0)).toBe(true);
    }
    small.fill(1);
    expect(next[0]).toBe(0);
  });

  test('disposal with requests in flight waits for the kernel and answers none of them', async () => {
    const target = await make();
    onTestFinished(() => target.release());
    const device = await openUringDevice(target.path, { logicalBlockBytes });
    const memory = device.allocate(mebibyte);
    let answers = 0;
    const count = (): void => {
      answers++;
    };
    for (let index = 0; index < 3; index++) {
      device.write(0, memory, { fua: true }).then(count, count);
      device.read(0, device.allocate(mebibyte)).then(count, count);
    }
    device.flush().then(count, count);
    // Let the requests reach the kernel.
    await Promise.resolve();
    await Promise.resolve();
    expect(device.inFlight).toBe(7);
    await device[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(device.inFlight).toBe(0);
    expect(answers).toBe(0);
    // A view that is kept too long must not crash the process.
    expect(memory[0]).toBe(0);
    memory[0] = 1;
  });

  test('after disposal the target can be opened again, and nothing is answered', async () => {
    const target = await make();
    onTestFinished(() => target.release());
    const first = await openUringDevice(target.path, { logicalBlockBytes });
    const memory = first.allocate(logicalBlockBytes);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    const answered = first.write(0, memory, { fua: false }).then(() => 'answered');
    const silence = new Promise((resolve) => setTimeout(resolve, 20, 'silence'));
    expect(await Promise.race([answered, silence])).toBe('silence');
    const second = await openUringDevice(target.path, { logicalBlockBytes });
    await second[Symbol.asyncDispose]();
  });
});

test('10,000 requests leave no file descriptor, no mapping and no request behind', async () => {
  const target = await fileTarget();
  onTestFinished(() => target.release());
  await runRequests(target.path, 200);
  const before = resourcesInUse();
  for (let pass = 0; pass < 5; pass++) await runRequests(target.path, 2000);
  const after = resourcesInUse();
  expect(after.descriptors).toBe(before.descriptors);
  // Device memory is given back on disposal; 16 MiB is the play that the JavaScript heap needs.
  expect(after.residentBytes - before.residentBytes).toBeLessThan(16 * mebibyte);
});

test('a read that meets the end of a file that was cut short is short', async () => {
  const file = await fileTarget();
  const device = await openForTest(file, { logicalBlockBytes: 4096 });
  fs.truncateSync(file.path, 8192);
  expect(await device.read(1, device.allocate(8192))).toBe(4096);
  expect(await device.read(5, device.allocate(4096))).toBe(0);
});

test('a write through a device opened for reading is an I/O error that names EBADF', async () => {
  const device = await openForTest(await fileTarget(), { access: 'read-only' });
  const answer = device.write(0, device.allocate(4096), { fua: false });
  await expect(answer).rejects.toMatchObject({ name: 'DeviceError', code: 'EIO' });
  await expect(answer).rejects.toThrow(/EBADF/);
  expect(await device.read(0, device.allocate(4096))).toBe(4096);
});

test('a durable write that fails is answered once, alone and among others', async () => {
  const target = await fileTarget();
  const device = await openForTest(target, { access: 'read-only' });
  const memory = device.allocate(4096);
  for (const count of [1, 8]) {
    const answers = Array.from({ length: count }, () => device.write(0, memory, { fua: true }));
    for (const { status } of await Promise.allSettled(answers)) expect(status).toBe('rejected');
    expect(device.inFlight).toBe(0);
  }
  expect(await device.read(0, memory)).toBe(4096);
});

test('durable writes on a file are answered with their bytes, however many are in flight', async () => {
  const device = await openForTest(await fileTarget());
  const sizes = Array.from({ length: 300 }, (_, index) => 4096 * (1 + (index % 3)));
  const answers = sizes.map((byteCount, index) =>
    device.write(3 * index, device.allocate(byteCount).fill(index), { fua: true }),
  );
  expect(await Promise.all(answers)).toEqual(sizes);
  const back = device.allocate(4096);
  for (const index of [0, 1, 299]) {
    await device.read(3 * index, back);
    expect(back.every((byte) => byte === index % 256)).toBe(true);
  }
});

test('every durable write on a file has its flush, alone and among others', async () => {
  const backingFile = await newFile(16 * mebibyte);
  await using loop = await createLoopDevice(backingFile, { logicalBlockBytes: 4096 });
  await using mounted = await mountNewFileSystem(loop.node);
  const file = path.join(mounted.folder, 'file');
  await createBackingFile(file, mebibyte);
  await using device = await openUringDevice(file);
  const memory = device.allocate(4096);
  const flushesDuring = async (action: () => Promise<unknown>): Promise<number> => {
    const before = flushCount(loop.node);
    await action();
    return flushCount(loop.node) - before;
  };
  expect(await flushesDuring(() => device.write(0, memory, { fua: false }))).toBe(0);
  expect(await flushesDuring(() => device.write(1, memory, { fua: true }))).toBeGreaterThan(0);
  const together = await flushesDuring(() =>
    Promise.all([device.write(2, memory, { fua: false }), device.write(3, memory, { fua: true })]),
  );
  expect(together).toBeGreaterThan(0);
});

test('a loop device whose file is gone answers with an I/O error', async () => {
  const backingFile = await newFile();
  await using loop = await createLoopDevice(backingFile, { logicalBlockBytes: 4096 });
  const device = await openUringDevice(loop.node);
  onTestFinished(() => device[Symbol.asyncDispose]());
  fs.truncateSync(backingFile, 4096);
  await expect(device.read(8, device.allocate(4096))).rejects.toMatchObject({
    name: 'DeviceError',
    code: 'EIO',
  });
});

test('a read-only loop device is opened for reading only', async () => {
  const backingFile = await newFile();
  await using loop = await createLoopDevice(backingFile, { readOnly: true });
  await expect(openUringDevice(loop.node)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await using device = await openUringDevice(loop.node, { access: 'read-only' });
  expect(await device.read(0, device.allocate(4096))).toBe(4096);
});

describe.each([
  ['the io_uring device', openUringDevice],
  ['the thread-pool device', openFileDevice],
])('of %s', (_, openDevice) => {
  test('flush and FUA reach the drive as flushes, a plain write does not', async () => {
    const backingFile = await newFile();
    await using loop = await createLoopDevice(backingFile, { logicalBlockBytes: 4096 });
    await using device = await openDevice(loop.node, {});
    const memory = device.allocate(4096);
    const flushesDuring = async (action: () => Promise<unknown>): Promise<number> => {
      const before = flushCount(loop.node);
      await action();
      return flushCount(loop.node) - before;
    };
    expect(await flushesDuring(() => device.write(0, memory, { fua: false }))).toBe(0);
    // A loop device has no FUA: the kernel makes it a write with a flush after it.
    expect(await flushesDuring(() => device.write(1, memory, { fua: true }))).toBe(1);
    expect(await flushesDuring(() => device.flush())).toBe(1);
  });
});

test('a block device that is open already is not opened a second time', async () => {
  const backingFile = await newFile();
  await using loop = await createLoopDevice(backingFile);
  await using device = await openUringDevice(loop.node);
  await expect(openUringDevice(loop.node)).rejects.toThrow(/EBUSY.*another program holds it/);
  expect(device.name).toContain(loop.node);
});

test('requests are answered without polling, by the bell alone', async () => {
  const device = await openForTest(await fileTarget(), { patienceMicroseconds: 0 });
  const memory = device.allocate(4096);
  for (let index = 0; index < 200; index++) {
    expect(await device.write(index, memory, { fua: false })).toBe(4096);
  }
  await Promise.all(Array.from({ length: 100 }, () => device.flush()));
});

test('the event loop keeps turning while requests are in flight', async () => {
  const device = await openForTest(await fileTarget());
  const memory = device.allocate(mebibyte);
  let isOver = false;
  let longestMs = 0;
  let lastMs = performance.now();
  const watch = (): void => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
    if (!isOver) setImmediate(watch);
  };
  setImmediate(watch);
  for (let index = 0; index < 20; index++) {
    await Promise.all([
      device.write(0, memory, { fua: true }),
      device.write(512, memory, { fua: true }),
      device.flush(),
    ]);
  }
  isOver = true;
  expect(longestMs).toBeLessThan(500);
});

/** Without a journal of its own, so that it flushes only when it is asked to. */
async function mountNewFileSystem(
  node: string,
): Promise<AsyncDisposable & { readonly folder: string }> {
  const mountPoint = fs.mkdtempSync(path.join(folder, 'mount-'));
  await execa('mkfs.ext4', ['-q', '-O', '^has_journal', node]);
  await execa('mount', [node, mountPoint]);
  return {
    folder: mountPoint,
    [Symbol.asyncDispose]: async () => {
      await execa('umount', [mountPoint]);
    },
  };
}

/** Flushes the device has completed (Documentation/block/stat.rst, field 16). */
function flushCount(node: string): number {
  const text = fs.readFileSync(`/sys/block/${path.basename(node)}/stat`, 'utf8');
  return Number(text.trim().split(/\s+/)[15]);
}

/** Writes in one round touch disjoint blocks (their order is open); reads of the round come after. */
async function writeRound(device: BlockDevice, model: Uint8Array, random: Random): Promise<void> {
  const { logicalBlockBytes, capacityBlocks } = device.geometry;
  const laneBlocks = Math.floor(capacityBlocks / 16);
  const requests: Promise<unknown>[] = [];
  for (let lane = 0; lane < 16; lane++) {
    const blockCount = 1 + random.below(Math.min(laneBlocks, 9));
    const lba = lane * laneBlocks + random.below(laneBlocks - blockCount + 1);
    const byteOffset = lba * logicalBlockBytes;
    const byteCount = blockCount * logicalBlockBytes;
    if (random.below(10) === 0) {
      model.fill(0, byteOffset, byteOffset + byteCount);
      requests.push(device.discard(lba, blockCount));
      continue;
    }
    const isForeign = random.below(3) === 0;
    const source = isForeign ? Buffer.alloc(byteCount) : device.allocate(byteCount);
    random.fill(source);
    model.set(source, byteOffset);
    requests.push(device.write(lba, source, { fua: random.below(8) === 0 }));
    if (random.below(8) === 0) requests.push(device.flush());
  }
  await Promise.all(requests);
  await expectRange(device, model, random.below(capacityBlocks - 32), 32);
}

async function expectContents(device: BlockDevice, model: Uint8Array): Promise<void> {
  const stepBlocks = mebibyte / device.geometry.logicalBlockBytes;
  for (let lba = 0; lba < device.geometry.capacityBlocks; lba += stepBlocks) {
    await expectRange(device, model, lba, stepBlocks);
  }
}

async function expectRange(
  device: BlockDevice,
  model: Uint8Array,
  lba: number,
  blockCount: number,
): Promise<void> {
  const { logicalBlockBytes } = device.geometry;
  const target = device.allocate(blockCount * logicalBlockBytes);
  expect(await device.read(lba, target)).toBe(target.byteLength);
  const byteOffset = lba * logicalBlockBytes;
  const expected = model.subarray(byteOffset, byteOffset + target.byteLength);
  expect(Buffer.compare(target, expected), `${blockCount} blocks at LBA ${lba}`).toBe(0);
}

function filled(device: BlockDevice, value: number): Uint8Array {
  return device.allocate(device.geometry.logicalBlockBytes).fill(1 + (value % 255));
}

async function runRequests(file: string, count: number): Promise<void> {
  await using device = await openUringDevice(file);
  const memory = device.allocate(4096);
  for (let done = 0; done < count; done += 100) {
    const batch = Array.from({ length: 100 }, (_, index) =>
      index % 2 === 0 ? device.write(index, memory, { fua: false }) : device.read(index, memory),
    );
    await Promise.all(batch);
  }
  expect(device.inFlight).toBe(0);
}

function resourcesInUse(): { readonly descriptors: number; readonly residentBytes: number } {
  const descriptors = fs.readdirSync('/proc/self/fd').length;
  return { descriptors, residentBytes: process.memoryUsage().rss };
}
