import { readFile } from 'node:fs/promises';
import os from 'node:os';
import type { HostFacts } from '../contract/index.ts';
import { readMachineFacts } from './host-facts-machine.ts';

/**
 * What this machine is, for the report. `device` holds the facts of the opened device, where a real
 * one was used. Never throws: a fact that cannot be read is `unknown`.
 */
export async function collectHostFacts(device?: HostFacts['device']): Promise<HostFacts> {
  return {
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    node: process.version,
    cpuModel: await readCpuModel(),
    cpuCount: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    machine: await readMachineFacts(),
    ...(device === undefined ? {} : { device }),
  };
}

/** Node leaves the model empty on many ARM machines, where the device tree has the board's name. */
async function readCpuModel(): Promise<string> {
  const model = os.cpus()[0]?.model.trim();
  if (model !== undefined && model !== '' && model !== 'unknown') return model;
  try {
    return (await readFile('/proc/device-tree/model', 'utf8')).replaceAll('\0', '').trim();
  } catch {
    return 'unknown';
  }
}
