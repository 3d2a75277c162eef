import type { DeviceGeometry } from '../contract/index.ts';
import {
  createLoopTarget,
  openNamedTarget,
  refuseSame,
  type TargetDevice,
} from '../rigs/device.ts';
import type { ResourceLedger } from './resources.ts';
import type { CellContext } from './run-scenario.ts';

/** Every write is logged with its data: several times the device is plenty for a workload. */
const logBytesPerDeviceByte = 4;

/** For the log of dm-log-writes above the target: a device that was named for it, or a loop device. */
export async function openLogDevice(
  target: TargetDevice,
  { logDevicePath }: Pick<CellContext, 'logDevicePath'>,
  resources: ResourceLedger,
): Promise<TargetDevice> {
  if (logDevicePath !== undefined) {
    const log = await openNamedTarget(logDevicePath);
    await refuseSame(target, log);
    return log;
  }
  const { capacityBlocks, ...geometry } = target.geometry;
  const wanted: DeviceGeometry = {
    ...geometry,
    capacityBlocks: capacityBlocks * logBytesPerDeviceByte,
  };
  return createLoopTarget(wanted, resources);
}
