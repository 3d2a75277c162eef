import * as fs from 'node:fs';
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { mountOf, readMountTable } from '../../device/mount-table.ts';
import {
  notReportedHere,
  readDiskFacts,
  type MachineFacts,
} from '../../measure/host-facts-machine.ts';
import { disksUnder } from '../data-plane/disk-counters.ts';

/** What a target lies on: its file system, and each disk below, down to the ones that hold the bytes. */
export interface StorageFacts {
  readonly path: string;
  readonly fileSystem: string;
  readonly mountOptions: string;
  /** The one that the target is on first. */
  readonly disks: readonly MachineFacts[];
}

export async function readStorageFacts(target: string): Promise<StorageFacts> {
  const isFile = fs.statSync(target, { throwIfNoEntry: false })?.isFile() === true;
  const mount = isFile ? mountOf(await readMountTable(), await realpath(target)) : undefined;
  const noFile = isFile ? notReportedHere : 'none: no file';
  return {
    path: target,
    fileSystem: mount?.fileSystem ?? noFile,
    mountOptions: mount?.options ?? noFile,
    disks: await Promise.all(diskStackUnder(target).map((disk) => readDiskFacts(disk))),
  };
}

/** Kernel names of the disks under a target, with those that they are made of. */
export function diskStackUnder(target: string): readonly string[] {
  const seen: string[] = [];
  const waiting = [...disksUnder([existing(target)])];
  while (waiting.length > 0) {
    const disk = waiting.shift()!;
    if (seen.includes(disk)) continue;
    seen.push(disk);
    waiting.push(...disksBelow(disk));
  }
  return seen;
}

/** A file that is not there yet will be on the disk of its folder. */
function existing(target: string): string {
  let place = target;
  while (!fs.existsSync(place) && place !== path.dirname(place)) place = path.dirname(place);
  return place;
}

/** Of device-mapper and md their members, of a loop device the disk under its file. */
function disksBelow(disk: string): readonly string[] {
  const folder = path.join('/sys/block', disk);
  const members = listed(path.join(folder, 'slaves')).flatMap((name) =>
    disksUnder([path.join('/dev', name)]),
  );
  const backing = textOf(path.join(folder, 'loop/backing_file'));
  return backing === undefined ? members : [...members, ...disksUnder([backing])];
}

function listed(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
