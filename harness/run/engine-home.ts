import type { ArmedFault, DeviceGeometries, EngineFacts, FaultTargets } from '../contract/index.ts';
import { geometriesOfTargets, type TargetDevices, type TargetNodes } from '../rigs/device.ts';
import type { HostJob } from './engine-host.ts';
import { startEngineProcess, type EngineProcess } from './engine-process.ts';
import type { ResourceLedger } from './resources.ts';

/** Where the engine's processes run, one after the other on the same devices, and how one is crashed. */
export interface EngineHome {
  readonly geometries: DeviceGeometries;
  /** As its processes open them. */
  readonly targets: TargetNodes;
  /** An existing folder that its processes can read. */
  readonly folder: string;
  start(job: HostJob): HousedEngine;
  /** Beside what the engine says of itself. */
  facts?(): EngineFacts;
}

export interface HousedEngine extends EngineProcess {
  /** What the faults of a scenario act on. */
  readonly faultTargets: Partial<FaultTargets>;
  /** Lets the faults strike. The process is dead soon after, and what it has said by then is true. */
  crash(armed: readonly ArmedFault[]): Promise<void>;
}

/** A process of this machine, on the devices themselves: it is killed. */
export function createProcessHome(targets: TargetDevices, resources: ResourceLedger): EngineHome {
  return {
    geometries: geometriesOfTargets(targets),
    targets: nodesOf(targets),
    folder: resources.makeDirectory('ledger'),
    start: (job) => {
      const host = startEngineProcess(job, resources);
      const process = {
        kill: async (signal: 'SIGKILL' | 'SIGSTOP') => {
          host.kill(signal);
        },
      };
      return { ...host, faultTargets: { process }, crash: triggerAll };
    },
  };
}

export async function triggerAll(armed: readonly ArmedFault[]): Promise<void> {
  for (const fault of armed) await fault.trigger();
}

function nodesOf({ main, data }: TargetDevices): TargetNodes {
  const nodeOf = ({ node, isOwn }: TargetDevices['main']): TargetNodes['main'] => ({ node, isOwn });
  return { main: nodeOf(main), ...(data && { data: nodeOf(data) }) };
}
