import { realpath, stat } from 'node:fs/promises';
import {
  EngineRefusal,
  HarnessError,
  type BlockDevice,
  type EngineTools,
  type MediumIdentity,
  type Platform,
} from '../contract/index.ts';
import { deviceFacts, type DeviceFacts } from '../device/device-facts.ts';
import { openFileDevice } from '../device/file-device.ts';
import { guardDevice, guardInit, openGuarded, admitted } from '../device/guard.ts';
import { openUringDevice } from '../device/uring-device.ts';
import type { TargetOptions } from '../device/device-target.ts';
import { usesOfFile } from './file-use.ts';
import { contentsOf, refuseUnlessNamed } from './overwrite-rules.ts';
import { openReadOnlyDevice } from './read-only-device.ts';

/** What the engine recognises on a target, and how it is to be opened because of that. */
export interface SeenTarget {
  readonly path: string;
  readonly facts: DeviceFacts;
  readonly identity: MediumIdentity | undefined;
  /** What is left of a journal that cannot be read. */
  readonly damage: EngineRefusal | undefined;
  readonly logicalBlockBytes: 512 | 4096;
  /** Undefined: all of it. */
  readonly capacityBlocks: number | undefined;
}

/** Looks at a target without changing it. Throws CONFIG_INVALID where there is none. */
export async function seeTarget(
  path: string,
  tools: EngineTools,
  platform: Platform,
): Promise<SeenTarget> {
  const facts = await factsOf(path);
  const looked = await lookAt(facts, tools, platform);
  const logicalBlockBytes =
    facts.kind === 'block-device' ? facts.logicalBlockBytes : looked.identity?.logicalBlockBytes;
  return { path, facts, ...looked, logicalBlockBytes: logicalBlockBytes === 512 ? 512 : 4096 };
}

export async function factsOf(path: string): Promise<DeviceFacts> {
  const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (found instanceof Error) {
    const why = found.code === 'ENOENT' ? 'there is no such file or device' : found.message;
    throw new HarnessError('CONFIG_INVALID', `${path}: ${why}`);
  }
  const facts = await deviceFacts(path);
  if (facts.byteCount > 0) return facts;
  throw new HarnessError('CONFIG_INVALID', `${path} is empty, expected a journal or room for one`);
}

type Looked = Pick<SeenTarget, 'identity' | 'damage' | 'capacityBlocks'>;

/**
 * On a disk that was given to this program its last logical block is not the journal's, so the copies
 * of the superblock near the end are looked for in both places.
 */
async function lookAt(facts: DeviceFacts, tools: EngineTools, platform: Platform): Promise<Looked> {
  const blockBytes = facts.kind === 'block-device' ? facts.logicalBlockBytes : 512;
  const blocks = Math.floor(facts.byteCount / blockBytes);
  let damage: EngineRefusal | undefined;
  for (const capacityBlocks of [blocks, blocks - 1].filter((count) => count > 0)) {
    try {
      const options = { logicalBlockBytes: blockBytes, capacityBlocks };
      await using device = await openReadOnlyDevice(facts.path, options);
      const identity = await tools.identify(device, platform);
      if (identity !== undefined)
        return { identity, damage: undefined, ...sizeOf(identity, facts) };
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      damage ??= error;
    }
  }
  return { identity: undefined, damage, capacityBlocks: undefined };
}

/** The journal's own size, where it is the smaller one; a device that is too small is its to refuse. */
function sizeOf(
  { byteCount, logicalBlockBytes }: MediumIdentity,
  facts: DeviceFacts,
): Pick<Looked, 'capacityBlocks'> {
  const isSmaller = byteCount < facts.byteCount;
  return { capacityBlocks: isSmaller ? byteCount / logicalBlockBytes : undefined };
}

export function openForReading(target: SeenTarget): Promise<BlockDevice> {
  const { path, logicalBlockBytes, capacityBlocks } = target;
  return openReadOnlyDevice(path, { logicalBlockBytes, capacityBlocks });
}

/**
 * Opens a target for writing, after all that speaks against it has been looked for. A regular file, or
 * a loop device over one, is enough by being named; any other device must pass every rule of the
 * guard. `force` names contents that may be lost; undefined where the contents are to be kept. Throws
 * DEVICE_REFUSED, with nothing written.
 */
export async function openForWriting(
  target: SeenTarget,
  force?: readonly string[],
): Promise<BlockDevice> {
  const { path, facts, identity, damage } = target;
  if (force !== undefined) {
    const journal = identity?.uuid ?? (damage === undefined ? undefined : 'journal');
    refuseUnlessNamed(path, await contentsOf(facts, journal), force);
  }
  if (facts.kind === 'regular-file') return openFile(target);
  const isLoop = facts.backingFile !== undefined;
  if (isLoop) return openGuarded(path, { ownNodes: [await nodeOf(facts)] }, openDevice);
  if (force === undefined || force.length === 0) return openGuarded(path, {}, openDevice);
  return openForced(path);
}

async function openFile({
  path,
  logicalBlockBytes,
  capacityBlocks,
}: SeenTarget): Promise<BlockDevice> {
  const uses = await usesOfFile(path);
  if (uses.length > 0) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `${path} is in use: ${uses.join('; ')}; end that first`,
    );
  }
  return openDevice({
    path,
    logicalBlockBytes,
    ...(capacityBlocks === undefined ? {} : { capacityBlocks }),
  });
}

/** What is on it has been named: only that rule of the guard is left out. */
async function openForced(path: string): Promise<BlockDevice> {
  const { facts, capacityBlocks } = admitted(await guardInit(path));
  const device = await openDevice({ path, deviceNumber: facts.deviceNumber, capacityBlocks });
  try {
    admitted(await guardInit(path, { isHeldByUs: true }));
    return device;
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

function nodeOf({ path }: DeviceFacts): Promise<string> {
  return realpath(path);
}

/** io_uring, and the thread pool of Node where that is not to be had. */
async function openDevice({
  path,
  ...options
}: TargetOptions & { readonly path: string }): Promise<BlockDevice> {
  try {
    return await openUringDevice(path, options);
  } catch (error) {
    if (error instanceof HarnessError && canDoWithout(error)) return openFileDevice(path, options);
    throw error;
  }
}

function canDoWithout({ code, cause }: HarnessError): boolean {
  return code === 'UNAVAILABLE' || (cause as NodeJS.ErrnoException | undefined)?.code === 'EINVAL';
}

/** Whether somebody else has the device open exclusively: what is read from it may be changing. */
export async function isHeld({ path, facts }: SeenTarget): Promise<boolean> {
  if (facts.kind === 'regular-file') return (await usesOfFile(path)).length > 0;
  const { findings } = await guardDevice(path, { ownNodes: [await nodeOf(facts)] });
  return findings.some(({ holds }) => !holds);
}
