import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { deviceNumberOf } from './device-facts.ts';
import { readMountTable } from './mount-table.ts';
import { holdersOf, partitionsOf } from './sysfs.ts';

/**
 * Every use of the device, or of a partition of it, that can be seen from here, in words. A mount in
 * another mount namespace (a container) cannot; it makes the exclusive open fail instead.
 */
export async function usesOf(deviceNumber: string): Promise<readonly string[]> {
  const numbers = new Set([
    deviceNumber,
    ...partitionsOf(deviceNumber).map((partition) => partition.deviceNumber),
  ]);
  return [
    ...(await mountsOf(numbers)),
    ...(await swapsOn(numbers)),
    ...holdersOf(deviceNumber).map((holder) => `held by ${holder}`),
    ...(await loopsOver(numbers)),
  ];
}

async function mountsOf(numbers: ReadonlySet<string>): Promise<string[]> {
  const mounts: string[] = [];
  for (const { deviceNumber, source, mountPoint } of await readMountTable()) {
    // Btrfs mounts have a device number of their own; their source still names the disk.
    const isHere = numbers.has(deviceNumber) || numbers.has((await numberOfNode(source)) ?? '');
    if (isHere) mounts.push(`mounted on ${mountPoint}`);
  }
  return mounts;
}

async function swapsOn(numbers: ReadonlySet<string>): Promise<string[]> {
  const swaps: string[] = [];
  const lines = (await readFile('/proc/swaps', 'utf8')).split('\n').slice(1);
  for (const line of lines) {
    const name = line.split(/\s/)[0] ?? '';
    if (numbers.has((await numberOfNode(name)) ?? '')) swaps.push(`swap space in use: ${name}`);
  }
  return swaps;
}

/** A loop device over another device is not among its holders. */
async function loopsOver(numbers: ReadonlySet<string>): Promise<string[]> {
  const loops: string[] = [];
  for (const name of await readdir('/sys/block')) {
    if (!name.startsWith('loop')) continue;
    const file = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
    if (numbers.has((await numberOfNode(file.trim())) ?? '')) loops.push(`under ${name}`);
  }
  return loops;
}

/** Undefined where the path is not that of a block device. */
async function numberOfNode(path: string): Promise<string | undefined> {
  if (!path.startsWith('/')) return undefined;
  try {
    const found = await stat(await realpath(path));
    return found.isBlockDevice() ? deviceNumberOf(found.rdev) : undefined;
  } catch {
    // The source of a mount need not be a path that is still there.
    return undefined;
  }
}
