import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  geometriesOf,
  HarnessError,
  type DeviceGeometries,
  type EngineFacts,
  type Scenario,
} from '../../contract/index.ts';
import type { TargetNodes } from '../../rigs/device.ts';
import { prepareGuest } from '../../rigs/vm/guest-image.ts';
import {
  describeTargets,
  guestNodeOf,
  moduleCommand,
  type GuestTarget,
} from '../../rigs/vm/guest-targets.ts';
import { RebootingMachine, type MachineProcess } from '../../rigs/vm/rebooting-machine.ts';
import { triggerAll, type EngineHome } from '../engine-home.ts';
import type { HostJob } from '../engine-host.ts';
import { engineHostModule, parseMessages } from '../engine-process.ts';
import type { HostMessage } from '../host-messages.ts';
import type { ResourceLedger } from '../resources.ts';
import { makeDrive } from './guest-drives.ts';

/** A process in a machine of its own, on drives whose contents this machine keeps: all of it is killed. */
export interface MachineHome extends EngineHome, AsyncDisposable {
  readonly described: readonly GuestTarget[];
}

export interface MachineHomeOptions {
  readonly scenario: Scenario;
  readonly resources: ResourceLedger;
  readonly stop: AbortSignal;
  /** Takes what the kernel of the machine says, over all its lives. */
  readonly consoleFile: string;
  onLine(line: string): void;
}

export async function createMachineHome(options: MachineHomeOptions): Promise<MachineHome> {
  const { scenario, resources, stop, consoleFile } = options;
  const drives = resources.makeDirectory('drives');
  const folder = fs.realpathSync(resources.makeDirectory('ledger'));
  const wanted = Object.entries(geometriesOf(scenario));
  const image = await prepareGuest({ resources }, (line) => {
    options.onLine(line);
  });
  const machine = new RebootingMachine(image, {
    resources,
    drives: wanted.map(([name, { logicalBlockBytes, capacityBlocks }]) =>
      makeDrive(name, logicalBlockBytes * capacityBlocks, drives),
    ),
    consoleFile,
    messagesFile: path.join(folder, 'messages'),
    sharedFolder: folder,
    signal: stop,
  });
  try {
    const guest = await machine.guest();
    const names = wanted.map(([name]) => name);
    const described = await describeTargets(guest, names);
    const { accelerator, kernelRelease } = guest.facts;
    return {
      described,
      geometries: geometriesOfDescribed(described),
      targets: targetsOf(names),
      folder,
      start: (job) => {
        const running = startHost(machine, job, stop);
        const kill = async (): Promise<void> => {
          running.kill();
        };
        return { ...running, faultTargets: { machine: { kill } }, crash: triggerAll };
      },
      facts: (): EngineFacts => ({ guestAccelerator: accelerator, guestKernel: kernelRelease }),
      [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
    };
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

function geometriesOfDescribed([main, data]: readonly GuestTarget[]): DeviceGeometries {
  if (main === undefined) {
    throw new HarnessError('UNAVAILABLE', 'the guest described none of its drives');
  }
  return { main: main.geometry, ...(data && { data: data.geometry }) };
}

/** The guard of the guest looks at them again each time that they are opened. */
function targetsOf(names: readonly string[]): TargetNodes {
  const nodeOf = (name: string): TargetNodes['main'] => ({ node: guestNodeOf(name), isOwn: false });
  const [main = 'main', data] = names;
  return { main: nodeOf(main), ...(data !== undefined && { data: nodeOf(data) }) };
}

interface HostInMachine {
  readonly messages: AsyncIterable<HostMessage>;
  readonly ended: MachineProcess['ended'];
  kill(): void;
}

function startHost(machine: RebootingMachine, job: HostJob, stop: AbortSignal): HostInMachine {
  const running = machine.start(moduleCommand(engineHostModule), { input: JSON.stringify(job) });
  const ended = running.ended.catch((error: unknown) => {
    if (stop.aborted) return { code: null, signal: 'SIGKILL', errors: '' };
    throw error;
  });
  return {
    messages: parseMessages(linesUntil(stop, running.lines)),
    ended,
    kill: () => {
      running.kill();
    },
  };
}

/** A machine that was stopped while it started has said nothing. */
async function* linesUntil(stop: AbortSignal, lines: AsyncIterable<string>): AsyncIterable<string> {
  try {
    yield* lines;
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}
