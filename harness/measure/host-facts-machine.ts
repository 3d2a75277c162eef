import { readFile, readdir } from 'node:fs/promises';
import * as path from 'node:path';

/** Facts of a machine, by names for people; what it does not say is said in words. */
export type MachineFacts = Readonly<Record<string, string | number>>;

export const notReportedHere = 'not reported by this machine';

/** Where the kernel shows its facts; another root in tests. */
export interface KernelFiles {
  readonly proc: string;
  readonly sys: string;
}

const kernelFiles: KernelFiles = { proc: '/proc', sys: '/sys' };

/** What decides how fast this machine is, apart from its model: read once, before a run. */
export async function readMachineFacts(files = kernelFiles): Promise<MachineFacts> {
  const cpu = path.join(files.sys, 'devices/system/cpu');
  return {
    'kernel options': kernelOptions(await readText(files.proc, 'cmdline')),
    'CPU microcode': reported(await cpuField(files, 'microcode')),
    'CPU governor': reported(await readText(cpu, 'cpu0/cpufreq/scaling_governor')),
    'CPU turbo': turboWords(
      await readText(cpu, 'intel_pstate/no_turbo'),
      await readText(cpu, 'cpufreq/boost'),
    ),
    'CPU idle driver': reported(await readText(cpu, 'cpuidle/current_driver')),
    hypervisor: hypervisorWords(await cpuField(files, 'flags')),
    'CPU mitigations': await readMitigations(cpu),
    'transparent huge pages': reported(
      await readText(files.sys, 'kernel/mm/transparent_hugepage/enabled'),
    ),
  };
}

/** What the queue of a disk is set to, and what the drive behind it is. */
export async function readDiskFacts(disk: string, files = kernelFiles): Promise<MachineFacts> {
  const folder = path.join(files.sys, 'block', disk);
  const text = async (name: string): Promise<string> => reported(await readText(folder, name));
  return {
    disk,
    model: await text('device/model'),
    firmware: reported(
      (await readText(folder, 'device/firmware_rev')) ?? (await readText(folder, 'device/rev')),
    ),
    scheduler: chosen(await text('queue/scheduler')),
    'write cache': await text('queue/write_cache'),
    FUA: await text('queue/fua'),
    rotational: await text('queue/rotational'),
    'logical block bytes': await text('queue/logical_block_size'),
    'physical block bytes': await text('queue/physical_block_size'),
    'most KiB in a request': await text('queue/max_sectors_kb'),
    'queue depth': await text('queue/nr_requests'),
    'writeback throttling µs': await text('queue/wbt_lat_usec'),
    polling: await text('queue/io_poll'),
    bytes: sizeOf(await readText(folder, 'size')),
  };
}

/** Degrees Celsius by the names of the sensors; empty where none can be read. */
export async function readTemperatures(
  files = kernelFiles,
): Promise<Readonly<Record<string, number>>> {
  const root = path.join(files.sys, 'class/hwmon');
  const found: Record<string, number> = {};
  for (const sensor of await readdir(root).catch(() => [])) {
    const folder = path.join(root, sensor);
    const device = (await readText(folder, 'name')) ?? sensor;
    for (const file of (await readdir(folder).catch(() => [])).sort()) {
      const number = /^temp(\d+)_input$/.exec(file)?.[1];
      const value = number === undefined ? undefined : await readText(folder, file);
      if (value === undefined) continue;
      const label = (await readText(folder, `temp${number!}_label`)) ?? `sensor ${number!}`;
      found[`${sensor} ${device} ${label}`] = Number(value) / 1000;
    }
  }
  return found;
}

async function readMitigations(cpu: string): Promise<string> {
  const folder = path.join(cpu, 'vulnerabilities');
  const names = (await readdir(folder).catch(() => [])).sort();
  if (names.length === 0) return notReportedHere;
  const states = await Promise.all(
    names.map(async (name) => `${name}: ${reported(await readText(folder, name))}`),
  );
  return states.filter((state) => !state.endsWith(': Not affected')).join('; ') || 'none needed';
}

/** Of the first processor. */
async function cpuField({ proc }: KernelFiles, name: string): Promise<string | undefined> {
  const text = await readText(proc, 'cpuinfo');
  return new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(text ?? '')?.[1];
}

function turboWords(noTurbo: string | undefined, boost: string | undefined): string {
  const isOn = noTurbo === undefined ? boost : noTurbo === '0' ? '1' : '0';
  if (isOn === undefined) return notReportedHere;
  return isOn === '1' ? 'on' : 'off';
}

/** Of the kernel's command line what changes how fast it is; the rest is nobody's business. */
function kernelOptions(commandLine: string | undefined): string {
  if (commandLine === undefined) return notReportedHere;
  const telling =
    /^(mitigations|isolcpus|nohz_full|rcu_nocbs|idle|processor\.|intel_|amd_|cpuidle|cpufreq|nvme|scsi_mod|elevator|transparent_hugepage|iommu|pci|nosmt|preempt|tsc|clocksource)/;
  return (
    commandLine
      .split(/\s+/)
      .filter((word) => telling.test(word))
      .join(' ') || 'none that matter'
  );
}

/** Processors of a virtual machine carry a flag that no real one has; other architectures show none. */
function hypervisorWords(flags: string | undefined): string {
  if (flags === undefined) return notReportedHere;
  return flags.split(' ').includes('hypervisor') ? 'yes' : 'no';
}

/** The kernel marks the one in use: `none [mq-deadline] bfq`. */
function chosen(text: string): string {
  return /\[([^\]]+)\]/.exec(text)?.[1] ?? text;
}

function sizeOf(sectors: string | undefined): string | number {
  return sectors === undefined ? notReportedHere : Number(sectors) * 512;
}

function reported(text: string | undefined): string {
  return text ?? notReportedHere;
}

/** Undefined where there is no such file, it cannot be read, or it is empty. */
async function readText(...parts: readonly string[]): Promise<string | undefined> {
  try {
    const text = (await readFile(path.join(...parts), 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
