import * as fs from 'node:fs';
import * as path from 'node:path';
import { deviceNumberOf } from '../../device/device-facts.ts';
import { sysfsFolder } from '../../device/sysfs.ts';

/** The whole disks under files or devices, by kernel name; none for what lies on no single disk. */
export function disksUnder(paths: readonly string[]): readonly string[] {
  const names = paths.map(diskUnder).filter((name) => name !== undefined);
  return [...new Set(names)];
}

/** The fields of /sys/block/DISK/stat; empty where the disk has gone. */
export function readDiskCounters(disk: string): readonly number[] {
  try {
    const text = fs.readFileSync(`/sys/block/${disk}/stat`, 'utf8');
    return text.trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}

function diskUnder(target: string): string | undefined {
  try {
    const found = fs.statSync(target);
    const folder = sysfsFolder(deviceNumberOf(found.isBlockDevice() ? found.rdev : found.dev));
    const isPartition = fs.existsSync(path.join(folder, 'partition'));
    return path.basename(isPartition ? path.dirname(folder) : folder);
  } catch {
    // Btrfs, tmpfs and overlays have device numbers of their own; a character device has no disk.
    return undefined;
  }
}
