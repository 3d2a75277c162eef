/** Twins under the kernel for tests and benchmarks, and what was left behind by one. */
import { execa } from 'execa';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { DeviceGeometry, EventSeq } from '../contract/index.ts';
import type { History } from '../drive/history.ts';
import type { SparseImage } from '../drive/image.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { mountFileSystem, unmount } from '../sys/mount.ts';
import { startKernelTwin, type KernelTwin, type KernelTwinOptions } from './fuse.ts';

const mebibyte = 1024 * 1024;

export function twinGeometry(
  changes: Partial<DeviceGeometry> = {},
  mebibytes = 64,
): DeviceGeometry {
  const { logicalBlockBytes = 4096 } = changes;
  return {
    logicalBlockBytes,
    capacityBlocks: (mebibytes * mebibyte) / logicalBlockBytes,
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: false,
    ...changes,
  };
}

/** A twin in a directory of its own. Disposal unmounts what `mount` has mounted, first. */
export class TwinForTest implements AsyncDisposable {
  readonly twin: KernelTwin;
  readonly pid: number;
  readonly folder: string;
  readonly #mounts: string[] = [];

  private constructor(twin: KernelTwin, pid: number, folder: string) {
    this.twin = twin;
    this.pid = pid;
    this.folder = folder;
  }

  static async start(options: Partial<KernelTwinOptions> = {}): Promise<TwinForTest> {
    // The names that the kernel knows have no symbolic links in them.
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-twin-')));
    let pid = 0;
    const twin = await startKernelTwin({
      geometry: twinGeometry(),
      seed: 1,
      ...options,
      resources: {
        makeDirectory: (name) => {
          const directory = path.join(folder, name);
          fs.mkdirSync(directory);
          return directory;
        },
        holdMount: () => undefined,
        holdLoop: () => undefined,
        holdProcess: (held) => (pid = held),
      },
    });
    await twin.mark(firstMark);
    return new TwinForTest(twin, pid, folder);
  }

  /** Makes a file system on the twin and mounts it; answers where. */
  async make(type: string, makeOptions: readonly string[], options = ''): Promise<string> {
    await execa(`mkfs.${type}`, [...makeOptions, this.twin.node]);
    return this.mount(type, options);
  }

  async mount(type: string, options = ''): Promise<string> {
    const target = path.join(this.folder, `mounted-${this.#mounts.length}`);
    fs.mkdirSync(target);
    await mountForTest(this.twin.node, target, type, options);
    this.#mounts.push(target);
    return target;
  }

  async unmount(): Promise<void> {
    const calls = await systemCalls();
    for (const target of this.#mounts.splice(0).reverse()) await unmount(calls, target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
    await this.twin[Symbol.asyncDispose]();
    fs.rmSync(this.folder, { recursive: true });
  }

  /** What of this twin is still on the machine. */
  leftovers(): string[] {
    return [...leftIn(this.folder), ...(isRunning(this.pid) ? [`process ${this.pid}`] : [])];
  }
}

/** Mounts and loop devices that have to do with the folder. */
export function leftIn(folder: string): string[] {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = fs.readdirSync('/sys/block').filter((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    return fs.existsSync(file) && fs.readFileSync(file, 'utf8').startsWith(folder);
  });
  return [...mounts.filter((line) => line.includes(folder)), ...loops];
}

export function isRunning(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.includes(') Z ');
  } catch {
    return false;
  }
}

export async function mountForTest(
  source: string,
  target: string,
  fileSystem: string,
  options: string,
): Promise<void> {
  await mountFileSystem(await systemCalls(), { source, target, fileSystem, options });
}

async function systemCalls(): Promise<SystemCalls> {
  const loaded = await loadSystemCalls();
  if (!loaded.available) throw new Error(loaded.reason);
  return loaded.calls;
}

/** Options that make images small, quick and without discards. */
export const ext4Options = ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'];
export const xfsOptions = ['-q', '-K', '--unsupported'];

/** The mark that every twin for a test begins with: attaching the loop device flushes it. */
const firstMark = 0;

/**
 * Requests in their order, after the event or else the first mark: `W8` for a write of eight blocks, `F` for a flush, `M4` for a mark. A flush
 * and a write each stand where they were submitted.
 */
export function requestsOf(
  history: History,
  after: EventSeq = markOf(history, firstMark),
): string[] {
  return history.events.slice(after).flatMap((event) => {
    if (event.kind === 'mark') return [`M${event.position}`];
    if (event.kind !== 'submit') return [];
    return [event.request === 'write' ? `W${event.blockCount}` : event.request[0]!.toUpperCase()];
  });
}

/** The event of the mark of that position. */
export function markOf(history: History, position: number): EventSeq {
  const mark = history.events.find((event) => event.kind === 'mark' && event.position === position);
  if (mark === undefined) throw new Error(`no mark ${position}`);
  return mark.seq;
}

/** The contents that the host sees at the end: every write that completed, in that order. */
export function replayed(history: History): SparseImage {
  const image = history.deviceOf(0).base.fork();
  for (const event of history.events) {
    if (event.kind !== 'complete' || event.request !== 'write') continue;
    const { units, landsAtUnit, landed } = history.writeOf(event.submitted);
    for (const place of landed === 'all' ? units.keys() : landed) {
      image.writeUnit(landsAtUnit + place, units[place]!);
    }
  }
  return image;
}

export async function errnoOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** By a file handle of its own: writes, and syncs as asked. */
export async function writeFile(
  file: string,
  flags: string,
  sync: 'sync' | 'datasync' | undefined,
): Promise<void> {
  const handle = await fs.promises.open(file, flags);
  try {
    await handle.write(Buffer.alloc(4096, 0x61), 0, 4096, 0);
    if (sync !== undefined) await handle[sync]();
  } finally {
    await handle.close();
  }
}
