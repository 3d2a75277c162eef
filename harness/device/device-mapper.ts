/**
 * Device-mapper devices by way of `dmsetup`. Their names begin with `powercut-`, so that nothing of
 * anybody else is touched. udev is left out (DM_DISABLE_UDEV): the nodes are made by dmsetup itself, also
 * where no udev runs, as in the guest.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HarnessError } from '../contract/index.ts';
import { deviceFacts } from './device-facts.ts';
import { runTool, type ToolAnswer } from './system-tool.ts';

/** Told of a mapping before it is made, so that `removeMapping` can take it away whatever happens. */
export interface MappingResources {
  holdMapping(name: string): unknown;
}

/** One target over the whole of a device. */
export interface MappingTable {
  /** Of 512 bytes, whatever the logical block of the device. */
  readonly sectors: number;
  /** As the kernel names it: `flakey`, `log-writes`, `linear`. */
  readonly target: string;
  readonly args: readonly (string | number)[];
}

export interface TableChange {
  readonly mapping: Mapping;
  readonly table: MappingTable;
}

const namePattern = /^powercut-[a-z0-9][a-z0-9-]{0,100}$/;
const wordPattern = /^[^\s\0]+$/;

export class Mapping implements AsyncDisposable {
  readonly name: string;
  /** `/dev/mapper/NAME`. */
  readonly node: string;

  private constructor(name: string) {
    this.name = name;
    this.node = `/dev/mapper/${name}`;
  }

  /** Throws CONFIG_INVALID for a bad name or table, UNAVAILABLE without device-mapper or its target. */
  static async create(
    name: string,
    table: MappingTable,
    resources: MappingResources,
  ): Promise<Mapping> {
    checkName(name);
    const line = tableLine(table);
    resources.holdMapping(name);
    await dmsetup(['create', name, '--table', line], table.target);
    const mapping = new Mapping(name);
    try {
      await makeNode(name, mapping.node);
    } catch (error) {
      await removeMapping(name);
      throw error;
    }
    return mapping;
  }

  /**
   * Without --nolockfs the kernel would freeze the file system first, which syncs it and cleans its journal: no
   * crash would be left to test. --noflush keeps the requests that come meanwhile. Those in flight are
   * waited for either way.
   */
  async suspend(): Promise<void> {
    await dmsetup(['suspend', '--nolockfs', '--noflush', this.name]);
  }

  /** Into the slot that the next `resume` brings into force. */
  async load(table: MappingTable): Promise<void> {
    await dmsetup(['load', this.name, '--table', tableLine(table)], table.target);
  }

  /** Requests that came while it was suspended meet the new table. */
  async resume(): Promise<void> {
    await dmsetup(['resume', this.name]);
  }

  /** Empties the slot of `load`, so that `resume` brings back what was in force. */
  async forgetLoaded(): Promise<void> {
    await dmsetup(['clear', this.name]);
  }

  replace(table: MappingTable): Promise<void> {
    return replaceTables([{ mapping: this, table }]);
  }

  /** To its target; each is one word, since the kernel splits at white space. */
  async message(words: readonly string[]): Promise<string> {
    const bad = words.find((word) => !wordPattern.test(word));
    if (bad !== undefined) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `${JSON.stringify(bad)} is no message for a mapping, expected a word without white space`,
      );
    }
    return dmsetup(['message', this.name, '0', ...words]);
  }

  /** The words of its target's status, without start, length and name of the target. */
  async status(): Promise<readonly string[]> {
    return targetWords(await dmsetup(['status', '--noflush', this.name]));
  }

  /** The arguments of the table in force, with devices as `major:minor`. */
  async table(): Promise<readonly string[]> {
    return targetWords(await dmsetup(['table', this.name]));
  }

  remove(): Promise<void> {
    return removeMapping(this.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

/**
 * Brings new tables into force at once: the first is suspended first and resumed last, so the device with the
 * data comes before that of the log (as fstests does). Whatever fails, every mapping is resumed: requests to a
 * suspended one wait for ever, and so would unmounting.
 */
export async function replaceTables(changes: readonly TableChange[]): Promise<void> {
  const suspended: Mapping[] = [];
  const problems: unknown[] = [];
  try {
    for (const { mapping } of changes) {
      suspended.unshift(mapping);
      await mapping.suspend();
    }
    for (const { mapping, table } of changes) await mapping.load(table);
  } catch (error) {
    problems.push(error);
    for (const mapping of suspended) await mapping.forgetLoaded().catch(() => undefined);
  }
  for (const mapping of suspended) {
    await mapping.resume().catch((error: unknown) => problems.push(error));
  }
  if (problems.length > 0) throw problems[0];
}

/** How often a mapping that somebody still holds is tried again, and how long is waited in between. */
const busyAttempts = 50;
const busyPauseMs = 100;

/**
 * Takes a mapping away; does nothing where there is none of that name. A suspended one is resumed
 * first, or its last user would wait for ever. Throws DEVICE_REFUSED for a name that is not ours, and
 * SYSTEM_CALL_FAILED where it is still held after 5 seconds.
 */
export async function removeMapping(name: string): Promise<void> {
  checkName(name, 'DEVICE_REFUSED');
  for (let attempt = 1; ; attempt++) {
    const state = await stateOf(name);
    if (state === undefined) return;
    if (state === 'Suspended') await dmsetup(['resume', name]);
    const answer = await run(['remove', name]);
    if (answer.exitCode === 0) return;
    const isBusy = /busy/i.test(answer.stderr);
    if (!isBusy || attempt === busyAttempts) throw failureOf(['remove', name], answer);
    await delay(busyPauseMs);
  }
}

/** What a mapping covers of the device below. */
export interface MappedPart {
  /** The block device below. */
  readonly device: string;
  /**
   * How many bytes, from its start; all unless given. What lies behind them, such as the ownership stamp,
   * cannot be reached through the mapping.
   */
  readonly byteCount?: number;
}

/** The size as tables count it: in sectors of 512 bytes. */
export async function sectorsOf({ device, byteCount }: MappedPart): Promise<number> {
  const facts = await deviceFacts(device);
  if (facts.kind === 'block-device' && facts.byteCount > 0) {
    return (byteCount ?? facts.byteCount) / 512;
  }
  throw new HarnessError(
    'CONFIG_INVALID',
    `${device} cannot be mapped, expected a block device with a medium`,
  );
}

const environment = { DM_DISABLE_UDEV: '1' };
const notInstalled = 'dmsetup is not installed; install it (Debian: apt-get install dmsetup)';

function noDeviceMapper({ stderr }: ToolAnswer): string {
  const first = stderr.split('\n')[0] ?? '';
  return `the kernel has no device-mapper (${first}); modprobe dm-mod, or use rig vm`;
}

/** `Active` or `Suspended`; undefined where there is no such mapping. */
async function stateOf(name: string): Promise<string | undefined> {
  const answer = await run(['info', '--columns', '--noheadings', '-o', 'suspended', name]);
  return answer.exitCode === 0 ? answer.stdout.trim() : undefined;
}

/** dmsetup makes the node when there is no udev; where it has not, it does when it is asked. */
async function makeNode(name: string, node: string): Promise<void> {
  if (await isBlockDevice(node)) return;
  await dmsetup(['mknodes', name]);
  if (await isBlockDevice(node)) return;
  throw new HarnessError('SYSTEM_CALL_FAILED', `dmsetup made no node ${node}`);
}

async function isBlockDevice(node: string): Promise<boolean> {
  const found = await stat(node).catch(() => undefined);
  return found?.isBlockDevice() === true;
}

/** Answers what it printed; throws UNAVAILABLE or SYSTEM_CALL_FAILED with what it said. */
async function dmsetup(args: readonly string[], target?: string): Promise<string> {
  const answer = await run(args);
  if (answer.exitCode === 0) return answer.stdout;
  throw failureOf(args, answer, target);
}

async function run(args: readonly string[]): Promise<ToolAnswer> {
  const answer = await runTool('dmsetup', args, environment);
  if (answer === undefined) throw new HarnessError('UNAVAILABLE', notInstalled);
  if (/control: open failed|Failure to communicate/.test(answer.stderr)) {
    throw new HarnessError('UNAVAILABLE', noDeviceMapper(answer));
  }
  return answer;
}

function failureOf(
  args: readonly string[],
  { stderr, exitCode }: ToolAnswer,
  target?: string,
): HarnessError {
  const advice =
    target === undefined
      ? ''
      : `; dmesg says more, and a kernel without the target ${target} refuses it (modprobe dm-${target})`;
  const said = stderr.trim().replaceAll('\n', ', ');
  return new HarnessError(
    'SYSTEM_CALL_FAILED',
    `dmsetup ${args.join(' ')} failed (${exitCode}): ${said}${advice}`,
  );
}

function checkName(
  name: string,
  code: 'CONFIG_INVALID' | 'DEVICE_REFUSED' = 'CONFIG_INVALID',
): void {
  if (namePattern.test(name)) return;
  throw new HarnessError(
    code,
    `${JSON.stringify(name)} is no name for a mapping of ours, expected powercut- and then a-z, 0-9 and -`,
  );
}

/** The line that dmsetup passes on to the kernel. */
function tableLine({ sectors, target, args }: MappingTable): string {
  const words = [target, ...args.map(String)];
  const bad = words.find((word) => !wordPattern.test(word));
  if (bad !== undefined || !Number.isSafeInteger(sectors) || sectors < 1) {
    const found = bad === undefined ? `${sectors} sectors` : JSON.stringify(bad);
    throw new HarnessError(
      'CONFIG_INVALID',
      `${found} in the table of a ${target} mapping, expected words without white space, and whole sectors`,
    );
  }
  return ['0', String(sectors), ...words].join(' ');
}

/** Of `0 LENGTH TARGET WORDS`. */
function targetWords(line: string): readonly string[] {
  return line.trim().split(/\s+/).slice(3);
}
