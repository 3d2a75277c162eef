import { stat } from 'node:fs/promises';
import { HarnessError } from '../contract/index.ts';
import { deviceFacts } from './device-facts.ts';
import {
  checkAllowListed,
  checkExclusive,
  checkNamedById,
  checkNoForeignData,
  checkNotInUse,
  holding,
  isOwnNode,
  readOwnStamp,
  refused,
  type GuardCheck,
  type GuardFinding,
  type GuardOptions,
} from './guard-rules.ts';
import type { OwnershipStamp } from './ownership-stamp.ts';
import type { BlockDeviceFacts } from './sysfs.ts';

export interface GuardReport {
  /** As it was named. */
  readonly path: string;
  /** In the order of the rules, up to the first that does not hold. */
  readonly findings: readonly GuardFinding[];
  /** The rule that refuses the device; undefined where it may be written. */
  readonly refusal: GuardFinding | undefined;
  readonly facts: BlockDeviceFacts | undefined;
  /** Our own stamp, where the device carries it. */
  readonly stamp: OwnershipStamp | undefined;
  /** Blocks that may be used: all but the last, which is kept for the ownership stamp. */
  readonly capacityBlocks: number;
}

/** What may be opened, and how: hand all of it to the device that opens it. */
export interface GuardedTarget {
  readonly path: string;
  /** The opened device must have this number, or another one was put in its place. */
  readonly deviceNumber: string;
  readonly capacityBlocks: number;
}

const allChecks: readonly GuardCheck[] = [
  checkNamedById,
  checkAllowListed,
  checkNotInUse,
  checkNoForeignData,
  checkExclusive,
];
const ownNodeChecks: readonly GuardCheck[] = [checkNotInUse, checkExclusive];
/** `init-device` is what turns a disk with foreign data into one with our stamp. */
const initChecks = allChecks.filter((check) => check !== checkNoForeignData);

/** Checks the rules in order. Reads only; a refusal is an answer, not an exception. */
export async function guardDevice(path: string, options: GuardOptions = {}): Promise<GuardReport> {
  return examine(path, options, (await isOwnNode(path, options)) ? ownNodeChecks : allChecks);
}

/** The rules for a device that is about to be given to this program. */
export function guardInit(path: string, options: GuardOptions = {}): Promise<GuardReport> {
  return examine(path, options, initChecks);
}

/**
 * Opens a device that may be overwritten: checks, lets `open` take it exclusively, checks again.
 * Throws DEVICE_REFUSED with the rule, what was seen and what to do; nothing has been written then.
 */
export async function openGuarded<D extends AsyncDisposable>(
  path: string,
  options: GuardOptions,
  open: (target: GuardedTarget) => Promise<D>,
): Promise<D> {
  const { facts, capacityBlocks } = admitted(await guardDevice(path, options));
  const device = await open({ path, deviceNumber: facts.deviceNumber, capacityBlocks });
  try {
    const again = admitted(await guardDevice(path, { ...options, isHeldByUs: true }));
    assertSameDevice(path, facts, again.facts);
    return device;
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

/** The report of a device that no rule refuses; throws DEVICE_REFUSED otherwise. */
export function admitted(report: GuardReport): GuardReport & { readonly facts: BlockDeviceFacts } {
  const { refusal, facts } = report;
  if (refusal === undefined && facts !== undefined) return { ...report, facts };
  throw new HarnessError('DEVICE_REFUSED', refusalText(report));
}

function refusalText({ path, refusal }: GuardReport): string {
  return `${path} is refused by the rule ${refusal?.rule ?? 'block-device'}: ${refusal?.seen ?? ''}; ${refusal?.advice ?? ''}`;
}

function assertSameDevice(path: string, before: BlockDeviceFacts, after: BlockDeviceFacts): void {
  const isSame = before.deviceNumber === after.deviceNumber && before.byteCount === after.byteCount;
  if (isSame) return;
  throw new HarnessError(
    'DEVICE_REFUSED',
    `${path} was ${before.kernelName} (${before.byteCount} bytes) when it was checked and is ${after.kernelName} (${after.byteCount} bytes) now; check again`,
  );
}

async function examine(
  path: string,
  options: GuardOptions,
  checks: readonly GuardCheck[],
): Promise<GuardReport> {
  const { kind, facts } = await blockDeviceFactsOf(path);
  if (facts === undefined) return refusedOutright(path, kind);
  const stamp = await readOwnStamp(facts, options);
  const reserved = (await isOwnNode(path, options)) ? 0 : 1;
  const capacityBlocks = Math.floor(facts.byteCount / facts.logicalBlockBytes) - reserved;
  const findings: GuardFinding[] = [holding('block-device', kind)];
  for (const check of checks) {
    const finding = await check({ path, facts, stamp, options });
    findings.push(finding);
    if (!finding.holds) return { path, findings, refusal: finding, facts, stamp, capacityBlocks };
  }
  return { path, findings, refusal: undefined, facts, stamp, capacityBlocks };
}

function refusedOutright(path: string, kind: string): GuardReport {
  const advice =
    'name a whole disk, or no device at all: a loop device over a new file is then used';
  const refusal = refused('block-device', `${path} is ${kind}`, advice);
  const nothing = { facts: undefined, stamp: undefined, capacityBlocks: 0 };
  return { path, findings: [refusal], refusal, ...nothing };
}

async function blockDeviceFactsOf(
  path: string,
): Promise<{ readonly kind: string; readonly facts: BlockDeviceFacts | undefined }> {
  const found = await stat(path).catch((error: unknown) => String(error));
  if (typeof found === 'string') return { kind: `not to be found (${found})`, facts: undefined };
  if (!found.isBlockDevice()) return { kind: 'not a block device', facts: undefined };
  const facts = await deviceFacts(path);
  if (facts.kind !== 'block-device' || facts.byteCount === 0) {
    return { kind: 'a device without a medium', facts: undefined };
  }
  return { kind: 'a block device', facts };
}
