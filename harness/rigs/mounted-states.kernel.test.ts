// Goal: a crash state is what the kernel makes of exactly its image, whatever was mounted before it,
// and afterwards the device is as if it had never been mounted. Method: states of recorded file
// systems, mounted in different orders and with both ways of finding writes; damage by hand.
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import ext4 from '../../engines/ext4/index.ts';
import xfs from '../../engines/xfs/index.ts';
import { createRandom, type RecoveredFiles } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import type { SparseImage } from '../drive/image.ts';
import { cachedPages, dropDeviceCache } from '../sys/ioctl.ts';
import { loadSystemCalls } from '../sys/libc.ts';
import { kernelTwinGap } from './fuse.ts';
import {
  imagesOf,
  makeImage,
  mixedOps,
  MounterForTest,
  recordFiles,
  type RecordedFiles,
} from './recorded-files.fixture.ts';

const host = probeHost();
const canRun = kernelTwinGap() === undefined && (await host.hasLoopDevices());
const hasXfs = canRun && (await xfs.probe(host)).available;

let recorded: RecordedFiles;

/** What is compared of two recoveries: everything but the numbers of a run. */
function shown(recovered: RecoveredFiles): unknown {
  return recovered.opened ? [...recovered.tree] : recovered;
}

async function recoverAll(
  images: Iterable<SparseImage>,
  findWritesBy: 'trace' | 'comparison',
): Promise<{ trees: unknown[]; checkRuns: number }> {
  await using test = await MounterForTest.open(recorded, { findWritesBy });
  expect(test.mounter.facts['writesFoundBy']).toBe(findWritesBy);
  const trees: unknown[] = [];
  for (const image of images) {
    trees.push(shown(await test.mounter.recover(image)));
    test.mounter.verify();
  }
  return { trees, checkRuns: test.mounter.checkRuns() };
}

describe.runIf(canRun)('mounted crash states of ext4', () => {
  beforeAll(async () => {
    const made = await makeImage(ext4, {}, 32);
    recorded = await recordFiles(made, mixedOps(80, createRandom(3)), 40);
  });

  it('are the same in any order and by either way of finding writes, and leave no trace', async () => {
    const images = [...imagesOf(recorded)];
    const forward = await recoverAll(images, 'trace');
    const backward = await recoverAll([...images].reverse(), 'comparison');
    expect(backward.trees.reverse()).toEqual(forward.trees);
    // A mount of the same state twice is the same, and some states differ.
    expect(new Set(forward.trees.map((tree) => JSON.stringify(tree))).size).toBeGreaterThan(1);
  });

  it('are checked once per distinct recovered file system', async () => {
    const images = [...imagesOf(recorded)];
    const { checkRuns } = await recoverAll([...images, ...images], 'trace');
    expect(checkRuns).toBeGreaterThan(1);
    expect(checkRuns).toBeLessThan(images.length);
  });

  it('are found unclean where only the check can see it, and clean again after that', async () => {
    const made = await makeImage(ext4, { metadataChecksums: false }, 32);
    await using test = await MounterForTest.open(made);
    const damaged = made.fresh.fork();
    const descriptor = Buffer.alloc(32);
    damaged.read(4096, descriptor);
    // The link count of the root directory, inode 2, which the kernel believes.
    damaged.writeBytes(descriptor.readUInt32LE(8) * 4096 + 256 + 0x1a, Uint8Array.of(9, 0));
    for (const [image, clean] of [
      [made.fresh, true],
      [damaged, false],
      [made.fresh, true],
      [damaged, false],
    ] as const) {
      const recovered = await test.mounter.recover(image);
      expect(recovered).toMatchObject({ opened: true, check: { clean } });
    }
    expect(test.mounter.checkRuns()).toBe(2);
  });

  it('that do not mount are an answer, and the next one is mounted as if nothing had been', async () => {
    await using test = await MounterForTest.open(recorded);
    const expected = shown(await test.mounter.recover(recorded.last));
    const broken = recorded.last.fork();
    broken.writeBytes(1024, new Uint8Array(1024));
    expect(await test.mounter.recover(broken)).toMatchObject({ opened: false, step: 'mount' });
    test.mounter.verify();
    expect(shown(await test.mounter.recover(recorded.last))).toEqual(expected);
  });

  it('whose root cannot be read are an answer too', async () => {
    await using test = await MounterForTest.open(recorded);
    const damaged = recorded.fresh.fork();
    const descriptor = Buffer.alloc(32);
    damaged.read(4096, descriptor);
    // The root directory is inode 2: its mode and checksum.
    damaged.writeBytes(descriptor.readUInt32LE(8) * 4096 + 256, new Uint8Array(128).fill(7));
    expect(await test.mounter.recover(damaged)).toMatchObject({ opened: false });
    test.mounter.verify();
  });

  it('are never blamed for options that the kernel does not take', async () => {
    const recipe = { ...recorded.recipe, mountOptions: 'data=sideways' };
    await expect(MounterForTest.open({ ...recorded, recipe })).rejects.toThrow(
      /fresh ext4 does not mount with "data=sideways"/,
    );
    const unknown = { ...recorded.recipe, type: 'nosuchfs' };
    await expect(MounterForTest.open({ ...recorded, recipe: unknown })).rejects.toMatchObject({
      name: 'HarnessError',
      code: 'UNAVAILABLE',
    });
  });

  it('are gone from the machine with their mounter', async () => {
    const test = await MounterForTest.open(recorded);
    expect(test.leftovers().length).toBeGreaterThan(1);
    await test[Symbol.asyncDispose]();
    expect(test.leftovers()).toEqual([]);
    expect(fs.existsSync(test.folder)).toBe(false);
  });

  it('are read from the device and not from what another program left in the page cache', async () => {
    const loaded = await loadSystemCalls();
    if (!loaded.available) throw new Error(loaded.reason);
    await using test = await MounterForTest.open(recorded);
    const expected = shown(await test.mounter.recover(recorded.last));
    const node = String(test.mounter.facts['node']);
    await test.mounter.recover(recorded.fresh);
    const fd = fs.openSync(node, 'r');
    try {
      fs.readSync(fd, Buffer.alloc(8 * 2 ** 20), 0, 8 * 2 ** 20, 0);
      expect(cachedPages(loaded.calls, fd) ?? 1).toBeGreaterThan(0);
      expect(shown(await test.mounter.recover(recorded.last))).toEqual(expected);
      dropDeviceCache(loaded.calls, fd);
      expect(cachedPages(loaded.calls, fd) ?? 0).toBe(0);
    } finally {
      fs.closeSync(fd);
    }
  });
});

describe.runIf(hasXfs)('mounted crash states of XFS', () => {
  beforeAll(async () => {
    const made = await makeImage(xfs, {}, 64);
    recorded = await recordFiles(made, mixedOps(80, createRandom(3)), 20);
  });

  it('are the same in any order, clean, and leave no trace', async () => {
    const images = [...imagesOf(recorded)];
    const forward = await recoverAll(images, 'trace');
    const backward = await recoverAll([...images].reverse(), 'trace');
    expect(backward.trees.reverse()).toEqual(forward.trees);
    expect(forward.checkRuns).toBeLessThan(images.length);
  });

  it('are the same where other processes keep mounts alive in namespaces of their own', async () => {
    const images = [...imagesOf(recorded)];
    const alone = await recoverAll(images, 'trace');
    // Each takes a copy of all that is mounted when it begins.
    const keeper = setInterval(() => {
      spawn('unshare', ['--mount', 'sleep', '0.2'], { stdio: 'ignore', cwd: '/' });
    }, 40);
    try {
      const amongOthers = await recoverAll(images, 'trace');
      expect(amongOthers.trees).toEqual(alone.trees);
    } finally {
      clearInterval(keeper);
    }
  });

  it('of one file system can be mounted at the same time', async () => {
    await using first = await MounterForTest.open(recorded);
    await using second = await MounterForTest.open(recorded);
    const images = [...imagesOf(recorded)].slice(0, 6);
    const [forward, again] = await Promise.all(
      [first, second].map(async ({ mounter }) => {
        const trees: unknown[] = [];
        for (const image of images) trees.push(shown(await mounter.recover(image)));
        return trees;
      }),
    );
    expect(again).toEqual(forward);
  });
});
