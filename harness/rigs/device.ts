import * as path from 'node:path';
import type { BlockDevice, DeviceGeometry } from '../contract/index.ts';
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

/** Told of what is about to be made, so that it can be taken away whatever happens. */
export interface TargetResources {
  makeDirectory(name: string): string;
  holdLoop(backingFile: string): void;
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

/** Opens the target for writing through io_uring, checked by the guard before and after. */
export function openTargetDevice({
  node,
  isOwn,
}: Pick<TargetDevice, 'node' | 'isOwn'>): Promise<BlockDevice> {
  return openGuarded(node, isOwn ? { ownNodes: [node] } : {}, (target) =>
    openUringDevice(target.path, target),
  );
}
