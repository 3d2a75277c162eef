import * as fs from 'node:fs/promises';
import type { ArmedFault, FaultableMapping } from '../contract/index.ts';
import type { MappedPart } from '../device/device-mapper.ts';
import { cutTogether, FlakeyDevice } from '../device/device-mapper-flakey.ts';
import {
  geometriesOfTargets,
  type TargetDevice,
  type TargetDevices,
  type TargetNode,
} from '../rigs/device.ts';
import { triggerAll, type EngineHome } from './engine-home.ts';
import { startEngineProcess, type FreezableProcess } from './engine-process.ts';
import { mappingName } from './files/mapping-name.ts';
import type { ResourceLedger } from './resources.ts';

/** A process of this machine with dm-flakey between it and its devices, which is cut off from them. */
export interface MappedHome extends EngineHome, AsyncDisposable {}

export async function createMappedHome(
  targets: TargetDevices,
  resources: ResourceLedger,
): Promise<MappedHome> {
  const devices: FlakeyDevice[] = [];
  const dispose = async (): Promise<void> => {
    for (const device of devices.reverse()) await device[Symbol.asyncDispose]();
  };
  const mapped = async (target: TargetDevice): Promise<TargetNode> => {
    const device = await FlakeyDevice.create(
      { name: mappingName(), ...usableOf(target) },
      resources,
    );
    devices.push(device);
    return mappedNode(device.node);
  };
  try {
    const main = await mapped(targets.main);
    const data = targets.data && (await mapped(targets.data));
    const flakey = flakeyTogether(devices.toReversed());
    return {
      geometries: geometriesOfTargets(targets),
      targets: { main, ...(data && { data }) },
      folder: resources.makeDirectory('ledger'),
      start: (job) => {
        const host = startEngineProcess(job, resources);
        return {
          ...host,
          faultTargets: { 'device-mapper': { flakey } },
          crash: (armed) => cutOff(host, armed),
        };
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What a mapping of a target covers: not the block of the ownership stamp. */
export function usableOf({ node, geometry }: Pick<TargetDevice, 'node' | 'geometry'>): MappedPart {
  return { device: node, byteCount: geometry.logicalBlockBytes * geometry.capacityBlocks };
}

export async function mappedNode(node: string): Promise<TargetNode> {
  // Where udev runs, the name is a link.
  return { node: await fs.realpath(node), isOwn: true };
}

/**
 * The process is stopped before the cut, as dropped writes are answered OK: nothing that it says then
 * rests on such an answer. Until it is dead, it must not be let go on.
 */
async function cutOff(host: FreezableProcess, armed: readonly ArmedFault[]): Promise<void> {
  await host.freeze();
  await triggerAll(armed);
  host.kill('SIGKILL');
}

/** All devices of an engine as one; that with the data comes first. */
function flakeyTogether(devices: readonly FlakeyDevice[]): NonNullable<FaultableMapping['flakey']> {
  const each = async (act: (device: FlakeyDevice) => Promise<void>): Promise<void> => {
    for (const device of devices) await act(device);
  };
  return {
    cut: (how) => cutTogether(devices, how),
    corruptByte: (requests, byte, value) =>
      each((device) => device.corruptByte(requests, byte, value)),
    corruptRandomly: (requests, perBillion) =>
      each((device) => device.corruptRandomly(requests, perBillion)),
    restore: () => each((device) => device.restore()),
  };
}
