import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Availability, Host } from '../../contract/index.ts';
import { HarnessError } from '../../contract/index.ts';
import type { HostCapability } from '../../device/host-probe.ts';
import { findCachedGuest, guestCacheFolder } from './guest-image.ts';
import { installedKernels, kernelPackage } from './kernel-source.ts';
import { qemuProgram } from './qemu-arguments.ts';
import { findShareServer } from './shared-folder.ts';

/** What of a machine matters to the rig; the rest is looked for on its disk. */
export type VmHost = Pick<Host, 'platform' | 'isRoot'>;

/** Whether guests can be booted here: looks, and starts nothing. */
export function probeVm(host: VmHost): Availability {
  const missing = explainVm(host).find(({ available }) => !available);
  if (missing === undefined) return { available: true };
  return { available: false, reason: reasonOf(missing) };
}

/** Throws UNAVAILABLE with the first thing that a guest with a kernel cannot be started without. */
export function requireMachine(host: VmHost): void {
  const missing = explainMachine(host).find(({ available }) => !available);
  if (missing !== undefined) throw new HarnessError('UNAVAILABLE', reasonOf(missing));
}

/** What the rig needs, in the order in which a person would see to it. */
export function explainVm(host: VmHost): readonly HostCapability[] {
  return [...explainMachine(host), kernelCapability()];
}

function explainMachine(host: VmHost): readonly HostCapability[] {
  return [processorCapability(host), rootCapability(host), qemuCapability(), shareCapability()];
}

function reasonOf({ name, reason, fix }: HostCapability): string {
  return `rig vm: ${name}: ${reason}; ${fix}`;
}

function capability(
  name: string,
  found: string | undefined,
  missing: string,
  fix: string,
): HostCapability {
  const rigs = ['vm'] as const;
  if (found !== undefined) return { name, available: true, reason: found, fix: '', rigs };
  return { name, available: false, reason: missing, fix, rigs };
}

function processorCapability({ platform }: VmHost): HostCapability {
  const machine = `${platform} on ${process.arch}`;
  const isRight = platform === 'linux' && process.arch === 'x64';
  return capability(
    'machine for guests',
    isRight ? machine : undefined,
    `this is ${machine}, and guests are x86-64 under Linux`,
    'run it on Linux on x86-64',
  );
}

function rootCapability({ isRoot }: VmHost): HostCapability {
  return capability(
    'root for guests',
    isRoot ? 'running as root' : undefined,
    'not running as root, which sharing files with a guest needs',
    'run with sudo',
  );
}

function qemuCapability(): HostCapability {
  return capability(
    'QEMU',
    findProgram(qemuProgram),
    `${qemuProgram} is not installed`,
    'apt-get install qemu-system-x86',
  );
}

function shareCapability(): HostCapability {
  return capability(
    'virtiofsd',
    findShareServer()?.program,
    'virtiofsd is not installed',
    'apt-get install virtiofsd (qemu-system-common before Debian 13)',
  );
}

/** Answered without asking apt, which may take long and says nothing of the network. */
function kernelCapability(): HostCapability {
  return capability(
    'guest kernel',
    whereKernelIs(),
    'no kernel is cached or installed, and there is no apt-get to download one with',
    `use Debian or Ubuntu, or install a Debian kernel (${kernelPackage})`,
  );
}

function whereKernelIs(): string | undefined {
  const cached = findCachedGuest(guestCacheFolder());
  if (cached !== undefined) return `Linux ${cached.release} in ${cached.folder}`;
  const [installed] = installedKernels();
  if (installed !== undefined) return `Linux ${installed.release} is installed`;
  const apt = findProgram('apt-get');
  return apt === undefined ? undefined : `to be downloaded with ${apt} (${kernelPackage}, 70 MB)`;
}

function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
}
