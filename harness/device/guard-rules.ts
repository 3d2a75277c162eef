/**
 * The rules of the device guard, in the order in which they are checked. The numbers are those of the
 * project's safety decision:
 *
 * 0. A node that this run made itself needs only rules 3 and 5.
 * 1. The device is named by its identity, under /dev/disk/by-id/, and is a whole disk.
 * 2. The owner of the machine has put its serial number and size on the allow-list.
 * 3. Nothing uses it: no mount, swap or holder, on it or on a partition of it.
 * 4. It carries no partition table and no signature, unless our own ownership stamp is on it.
 * 5. It can be opened exclusively.
 *
 * No rule can be overridden, and no check writes anything: devices are opened for reading only.
 */
import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { allowListPath, readAllowList } from './allow-list.ts';
import { usesOf } from './device-use.ts';
import { readStamp, type OwnershipStamp } from './ownership-stamp.ts';
import { findSignatures, wipefsOpinion } from './signatures.ts';
import { partitionsOf, type BlockDeviceFacts } from './sysfs.ts';

export type GuardRule =
  'block-device' | 'named-by-id' | 'allow-listed' | 'not-in-use' | 'no-foreign-data' | 'exclusive';

export interface GuardFinding {
  readonly rule: GuardRule;
  readonly holds: boolean;
  readonly seen: string;
  /** What to do; empty where the rule holds. */
  readonly advice: string;
}

export interface GuardOptions {
  /** Nodes that this run made itself (loop devices over its own files). */
  readonly ownNodes?: readonly string[];
  readonly allowListFile?: string;
  readonly byIdFolder?: string;
  /** This process holds the device exclusively already. */
  readonly isHeldByUs?: boolean;
  /** What identifies a disk: its serial number, or its WWID where it has none. */
  identityOf?(facts: BlockDeviceFacts): string | undefined;
}

export interface Candidate {
  /** As it was named. */
  readonly path: string;
  readonly facts: BlockDeviceFacts;
  readonly stamp: OwnershipStamp | undefined;
  readonly options: GuardOptions;
}

export type GuardCheck = (candidate: Candidate) => Promise<GuardFinding>;

export const defaultByIdFolder = '/dev/disk/by-id';

export async function isOwnNode(devicePath: string, options: GuardOptions): Promise<boolean> {
  const node = await realpath(devicePath).catch(() => devicePath);
  return options.ownNodes?.includes(node) ?? false;
}

export function identityOf(facts: BlockDeviceFacts, options: GuardOptions): string | undefined {
  if (options.identityOf !== undefined) return options.identityOf(facts);
  return facts.serial ?? facts.wwid;
}

/** Our stamp, if it is on this very disk: one copied over from another disk does not count. */
export async function readOwnStamp(
  facts: BlockDeviceFacts,
  options: GuardOptions,
): Promise<OwnershipStamp | undefined> {
  const stamp = await readStamp(facts.path, facts.byteCount, facts.logicalBlockBytes);
  const isOfThisDisk =
    stamp?.serial === identityOf(facts, options) && stamp?.byteCount === facts.byteCount;
  return isOfThisDisk ? stamp : undefined;
}

export const checkNamedById: GuardCheck = async ({ path: named, facts, options }) => {
  const folder = options.byIdFolder ?? defaultByIdFolder;
  const rule = 'named-by-id';
  if (path.dirname(path.resolve(named)) !== folder) {
    const names = await namesIn(folder, facts);
    const advice =
      names.length === 0
        ? `name it by its link in ${folder} (this device has none: it has no serial number)`
        : `name it as ${names.join(' or ')}`;
    return refused(rule, `${named} is a name that can pass to another device`, advice);
  }
  if (facts.isPartition) return refused(rule, `${named} is a partition`, 'name the whole disk');
  return holding(rule, `${named} is ${facts.kernelName}`);
};

async function namesIn(folder: string, facts: BlockDeviceFacts): Promise<string[]> {
  const links = await readdir(folder).catch(() => []);
  const names: string[] = [];
  for (const link of links) {
    const target = await realpath(path.join(folder, link)).catch(() => '');
    if (path.basename(target) === facts.kernelName) names.push(path.join(folder, link));
  }
  return names;
}

export const checkAllowListed: GuardCheck = async ({ facts, options }) => {
  const rule = 'allow-listed';
  const file = options.allowListFile ?? allowListPath;
  const serial = identityOf(facts, options);
  if (serial === undefined) {
    return refused(rule, 'the device has no serial number', 'use a device that has one');
  }
  const size = `serial ${serial}, ${facts.byteCount} bytes`;
  const entry = JSON.stringify({ serial, byteCount: facts.byteCount });
  const advice = `if this disk may be overwritten, add ${entry} to "devices" in ${file}, as root`;
  const list = await readAllowList(file);
  if (!list.usable) return refused(rule, list.reason, advice);
  const listed = list.devices.find((device) => device.serial === serial);
  if (listed === undefined) return refused(rule, `${size} is not listed in ${file}`, advice);
  if (listed.byteCount !== facts.byteCount) {
    return refused(rule, `${size}; ${file} says ${listed.byteCount} bytes`, advice);
  }
  return holding(rule, `${size} is listed in ${file}`);
};

export const checkNotInUse: GuardCheck = async ({ facts }) => {
  const rule = 'not-in-use';
  const uses = await usesOf(facts.deviceNumber);
  if (uses.length === 0) return holding(rule, 'no mount, swap or holder');
  return refused(rule, uses.join('; '), 'unmount it and stop what uses it, or name another device');
};

export const checkNoForeignData: GuardCheck = async ({ facts, stamp }) => {
  const rule = 'no-foreign-data';
  if (stamp !== undefined) return holding(rule, `ownership stamp ${stamp.uuid}`);
  const partitions = partitionsOf(facts.deviceNumber).map(
    (partition) => `partition ${partition.kernelName}`,
  );
  const own = await findSignatures(facts.path, facts.byteCount);
  const second = (await wipefsOpinion(facts.path)) ?? [];
  const seen = [...partitions, ...own, ...second.map((type) => `wipefs: ${type}`)];
  if (seen.length === 0) return holding(rule, 'no partition table, no signature');
  const advice =
    'if the data on it is not needed, look at it with wipefs and clear it, or use init-device';
  return refused(rule, seen.join('; '), advice);
};

export const checkExclusive: GuardCheck = async ({ facts, options }) => {
  const rule = 'exclusive';
  if (options.isHeldByUs === true) return holding(rule, 'held by this process');
  try {
    const handle = await open(facts.path, constants.O_RDONLY | constants.O_EXCL);
    await handle.close();
    return holding(rule, 'opens exclusively');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const advice = 'end the program that has it open, or unmount it where it is mounted';
    return refused(rule, `exclusive open fails with ${code}`, advice);
  }
};

export function holding(rule: GuardRule, seen: string): GuardFinding {
  return { rule, holds: true, seen, advice: '' };
}

export function refused(rule: GuardRule, seen: string, advice: string): GuardFinding {
  return { rule, holds: false, seen, advice };
}
