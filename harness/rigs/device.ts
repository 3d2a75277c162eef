import * as path from 'node:path';
import { realpath } from 'node:fs/promises';
import {
  HarnessError,
  type BlockDevice,
  type DeviceGeometries,
  type DeviceGeometry,
  type EngineDevices,
} from '../contract/index.ts';
import { createBackingFile } from '../device/backing-file.ts';
import { deviceFacts, geometryOf, reportedFacts } from '../device/device-facts.ts';
import { admitted, guardDevice, openGuarded } from '../device/guard.ts';
import { createLoopDevice } from '../device/loop.ts';
import { openUringDevice } from '../device/uring-device.ts';

/** A real block device that a run may write to. */
export interface TargetDevice extends AsyncDisposable {
  readonly node: string;
  /** The run made the node itself, so that it need not be named by the user. */
  readonly isOwn: boolean;
  readonly geometry: DeviceGeometry;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** The devices of a run by their roles. */
export interface TargetDevices extends AsyncDisposable {
  readonly main: TargetDevice;
  readonly data?: TargetDevice;
}

/** How another process opens a target. */
export type TargetNode = Pick<TargetDevice, 'node' | 'isOwn'>;

export interface TargetNodes {
  readonly main: TargetNode;
  readonly data?: TargetNode;
}

/** What the user named; without names, loop devices are made. */
export interface NamedDevices {
  readonly main: string | undefined;
  readonly data: string | undefined;
}

/** Told of what is about to be made, so that it can be taken away whatever happens. */
export interface TargetResources {
  makeDirectory(name: string): string;
  holdLoop(backingFile: string): unknown;
}

/**
 * The devices of a scenario: those that were named, or a loop device for each. All have passed the
 * guard before anything is written to one. Throws DEVICE_REFUSED, also where one is named twice.
 */
export async function openTargets(
  wanted: DeviceGeometries,
  named: NamedDevices,
  resources: TargetResources,
): Promise<TargetDevices> {
  const opened: TargetDevice[] = [];
  const dispose = async (): Promise<void> => {
    for (const target of opened.reverse()) await target[Symbol.asyncDispose]();
  };
  try {
    const main = await openTarget(wanted.main, named.main, resources);
    opened.push(main);
    if (wanted.data === undefined) return { main, [Symbol.asyncDispose]: dispose };
    const data = await openTarget(wanted.data, named.data, resources);
    opened.push(data);
    await refuseSame(main, data);
    return { main, data, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function openTarget(
  wanted: DeviceGeometry,
  name: string | undefined,
  resources: TargetResources,
): Promise<TargetDevice> {
  return name === undefined ? createLoopTarget(wanted, resources) : openNamedTarget(name);
}

/** Two names may lead to one device. */
export async function refuseSame(main: TargetDevice, data: TargetDevice): Promise<void> {
  const node = await realpath(main.node);
  if (node !== (await realpath(data.node))) return;
  throw new HarnessError(
    'DEVICE_REFUSED',
    `${main.node} and ${data.node} are both ${node}, expected two devices`,
  );
}

export function geometriesOfTargets({ main, data }: TargetDevices): DeviceGeometries {
  return data === undefined
    ? { main: main.geometry }
    : { main: main.geometry, data: data.geometry };
}

/** A loop device over a file of the run's own: real block layer, no risk to anything. */
export async function createLoopTarget(
  wanted: DeviceGeometry,
  resources: TargetResources,
): Promise<TargetDevice> {
  const { logicalBlockBytes, capacityBlocks } = wanted;
  const backingFile = path.join(resources.makeDirectory('loop'), 'backing');
  resources.holdLoop(backingFile);
  await createBackingFile(backingFile, capacityBlocks * logicalBlockBytes);
  const loop = await createLoopDevice(backingFile, {
    logicalBlockBytes: logicalBlockBytes === 512 ? 512 : 4096,
  });
  const facts = await deviceFacts(loop.node);
  return {
    node: loop.node,
    isOwn: true,
    geometry: geometryOf(facts, { logicalBlockBytes }),
    facts: reportedFacts(facts),
    [Symbol.asyncDispose]: () => loop.detach(),
  };
}

/** A device the user named: it must pass the guard, or nothing is opened. */
export async function openNamedTarget(name: string): Promise<TargetDevice> {
  const { facts, capacityBlocks } = admitted(await guardDevice(name));
  const { logicalBlockBytes } = facts;
  return {
    node: name,
    isOwn: false,
    geometry: geometryOf(facts, { logicalBlockBytes, capacityBlocks }),
    facts: reportedFacts(facts),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Opens all targets as `openTargetDevice` does. */
export async function openTargetDevices({ main, data }: TargetNodes): Promise<EngineDevices> {
  const opened = await openTargetDevice(main);
  return data === undefined
    ? { main: opened }
    : { main: opened, data: await openTargetDevice(data) };
}

/** Opens the target for writing through io_uring, checked by the guard before and after. */
export function openTargetDevice({ node, isOwn }: TargetNode): Promise<BlockDevice> {
  return openGuarded(node, isOwn ? { ownNodes: [node] } : {}, (target) =>
    openUringDevice(target.path, target),
  );
}
