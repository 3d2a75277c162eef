/**
 * What a run has made on the machine and must take away again. Every resource is written to a file
 * before it comes to be, so that `powercut clean` can take it away even after SIGKILL. Released in
 * reverse order. A resource is only ever named by something that this run chose itself (a directory
 * under its own temporary root, a backing file in it, a child process with its start time), so that
 * cleaning up cannot touch anything else.
 */
import { execa } from 'execa';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HarnessError } from '../contract/index.ts';
import { removeMapping } from '../device/device-mapper.ts';

export type Resource =
  /** A directory under the temporary root; removed with everything in it. */
  | { readonly kind: 'directory'; readonly path: string }
  /** The loop devices over a backing file; found by the file, since the kernel chooses the node. */
  | { readonly kind: 'loop'; readonly backingFile: string }
  /** What is mounted on a directory of the run. */
  | { readonly kind: 'mount'; readonly path: string }
  /** A device-mapper device; all of ours have names that begin with `powercut-`. */
  | { readonly kind: 'device-mapper'; readonly name: string }
  /** A child process; the start time tells it from a later one with the same pid. */
  | { readonly kind: 'process'; readonly pid: number; readonly startTicks: string };

interface LedgerLine {
  readonly action: 'add' | 'release';
  readonly id: number;
  readonly resource?: Resource;
}

interface Owner {
  readonly pid: number;
  readonly startTicks: string;
}

export interface HeldResource extends AsyncDisposable {
  readonly resource: Resource;
}

/** Where resource files and temporary directories live: never on a device under test. */
export function temporaryRoot(): string {
  return path.join(os.tmpdir(), 'powercut');
}

/** Throws DEVICE_REFUSED where the directory is another user's: what it lists cannot be trusted. */
function makeTemporaryRoot(): void {
  const root = temporaryRoot();
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });
  assertOwnRoot(root);
}

function assertOwnRoot(root: string): void {
  const found = fs.lstatSync(root);
  const isOwn = process.getuid === undefined || found.uid === process.getuid();
  if (found.isDirectory() && isOwn) return;
  throw new HarnessError(
    'DEVICE_REFUSED',
    `${root} is not a directory of this user: remove it, or set TMPDIR to another directory`,
  );
}

export class ResourceLedger implements AsyncDisposable {
  readonly #file: string;
  readonly #held = new Map<number, Resource>();
  #nextId = 1;

  private constructor(file: string) {
    this.#file = file;
  }

  static open(): ResourceLedger {
    makeTemporaryRoot();
    const file = path.join(temporaryRoot(), `${randomUUID()}.resources.jsonl`);
    const owner: Owner = { pid: process.pid, startTicks: startTicksOf(process.pid) };
    fs.writeFileSync(file, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
    return new ResourceLedger(file);
  }

  /** Makes an empty directory that goes away with the run. */
  makeDirectory(name: string): string {
    const directory = path.join(temporaryRoot(), `${name}-${randomUUID()}`);
    this.hold({ kind: 'directory', path: directory });
    fs.mkdirSync(directory, { mode: 0o700 });
    return directory;
  }

  /** Must be called before the resource is made; disposing the answer takes it away. */
  hold(resource: Resource): HeldResource {
    const id = this.#nextId++;
    this.#append({ action: 'add', id, resource });
    this.#held.set(id, resource);
    return { resource, [Symbol.asyncDispose]: () => this.#release(id) };
  }

  holdMount(directory: string): HeldResource {
    return this.hold({ kind: 'mount', path: directory });
  }

  /** All loop devices over the file; the kernel chooses their names. */
  holdLoop(backingFile: string): HeldResource {
    return this.hold({ kind: 'loop', backingFile });
  }

  /** A device-mapper device, by its name. */
  holdMapping(name: string): HeldResource {
    return this.hold({ kind: 'device-mapper', name });
  }

  holdProcess(pid: number): HeldResource {
    return this.hold({ kind: 'process', pid, startTicks: startTicksOf(pid) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const problems: unknown[] = [];
    for (const id of [...this.#held.keys()].reverse()) {
      try {
        await this.#release(id);
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0)
      throw new AggregateError(problems, 'could not take away all resources');
    fs.rmSync(this.#file, { force: true });
  }

  async #release(id: number): Promise<void> {
    const resource = this.#held.get(id);
    if (resource === undefined) return;
    await takeAway(resource);
    this.#held.delete(id);
    this.#append({ action: 'release', id });
  }

  #append(line: LedgerLine): void {
    fs.appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

export interface CleanReport {
  readonly released: readonly Resource[];
  readonly problems: readonly string[];
  /** Runs that are still alive, and so were left alone. */
  readonly runningOwners: readonly number[];
}

/** Takes away what dead runs left behind. Runs that are still alive are not touched. */
export async function cleanLeftovers(): Promise<CleanReport> {
  const released: Resource[] = [];
  const problems: string[] = [];
  const runningOwners: number[] = [];
  for (const file of resourceFiles()) {
    const { owner, left } = readResourceFile(file);
    if (owner === undefined && isNew(file)) continue;
    if (owner !== undefined && mayBeAlive(owner)) {
      runningOwners.push(owner.pid);
      continue;
    }
    const failed = await takeAwayAll(left, released, problems);
    if (!failed) fs.rmSync(file, { force: true });
  }
  return { released, problems, runningOwners };
}

async function takeAwayAll(
  left: readonly Resource[],
  released: Resource[],
  problems: string[],
): Promise<boolean> {
  let failed = false;
  for (const resource of [...left].reverse()) {
    try {
      await takeAway(resource);
      released.push(resource);
    } catch (error) {
      failed = true;
      problems.push(`${describeResource(resource)}: ${String(error)}`);
    }
  }
  return failed;
}

export function describeResource(resource: Resource): string {
  switch (resource.kind) {
    case 'directory':
      return `directory ${resource.path}`;
    case 'loop':
      return `loop device over ${resource.backingFile}`;
    case 'mount':
      return `mount on ${resource.path}`;
    case 'device-mapper':
      return `device-mapper device ${resource.name}`;
    case 'process':
      return `process ${resource.pid}`;
  }
}

/** A file without its first line is one that a run is just about to write, unless it has stayed so. */
function isNew(file: string): boolean {
  return Date.now() - fs.statSync(file).mtimeMs < 60_000;
}

function resourceFiles(): string[] {
  if (!fs.existsSync(temporaryRoot())) return [];
  assertOwnRoot(temporaryRoot());
  return fs
    .readdirSync(temporaryRoot())
    .filter((name) => name.endsWith('.resources.jsonl'))
    .map((name) => path.join(temporaryRoot(), name));
}

/** A torn last line is a resource whose making had not begun, so it is left out. */
function readResourceFile(file: string): { owner: Owner | undefined; left: readonly Resource[] } {
  const [first, ...rest] = fs.readFileSync(file, 'utf8').split('\n');
  const held = new Map<number, Resource>();
  for (const text of rest) {
    const line = parseLine(text) as LedgerLine | undefined;
    if (line === undefined) continue;
    if (line.action === 'add' && line.resource !== undefined) held.set(line.id, line.resource);
    else held.delete(line.id);
  }
  return { owner: parseLine(first ?? '') as Owner | undefined, left: [...held.values()] };
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function takeAway(resource: Resource): Promise<void> {
  switch (resource.kind) {
    case 'directory':
      removeDirectory(resource.path);
      return;
    case 'loop':
      await detachLoops(resource.backingFile);
      return;
    case 'mount':
      await unmountAll(resource.path);
      return;
    case 'device-mapper':
      await removeMapping(resource.name);
      return;
    case 'process':
      await killProcess(resource);
      return;
  }
}

function removeDirectory(directory: string): void {
  const isOurs =
    path.resolve(directory) === directory && path.dirname(directory) === temporaryRoot();
  if (!isOurs) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `will not remove ${directory}: it is not directly under ${temporaryRoot()}`,
    );
  }
  fs.rmSync(directory, { recursive: true, force: true });
}

async function detachLoops(backingFile: string): Promise<void> {
  const { stdout } = await execa('losetup', [
    '--associated',
    backingFile,
    '--output',
    'NAME',
    '--noheadings',
  ]);
  for (const node of stdout.split('\n').filter((line) => line.startsWith('/dev/loop'))) {
    await execa('losetup', ['--detach', node.trim()]);
  }
}

/** A process that was killed a moment ago may still hold the mount or the device. */
const busyTries = 40;
const busyWaitMs = 50;

async function unmountAll(directory: string): Promise<void> {
  // The mount table names places without symbolic links, and so may who holds one.
  const roots = [temporaryRoot(), fs.realpathSync(temporaryRoot())];
  const isInside = roots.some((root) => directory.startsWith(`${root}${path.sep}`));
  if (path.resolve(directory) !== directory || !isInside) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `will not unmount ${directory}: it is not under ${temporaryRoot()}`,
    );
  }
  for (let tries = 1; isMountPoint(directory); tries++) {
    const { exitCode, stderr } = await execa('umount', [directory], { reject: false });
    if (exitCode === 0) continue;
    if (tries >= busyTries) throw new HarnessError('UNAVAILABLE', stderr);
    await setTimeout(busyWaitMs);
  }
}

function isMountPoint(directory: string): boolean {
  const mounts = fs.readFileSync('/proc/self/mounts', 'utf8');
  // Spaces and the like are written in octal (proc(5)); our directories have none.
  return mounts.split('\n').some((line) => line.split(' ')[1] === directory);
}

/** How long a killed process may take to be gone: it may still have requests in the kernel. */
const goneWithinMs = 10_000;

/** Without a start time (no /proc) nobody can say whose process has the number now: it is left alone. */
async function killProcess({ pid, startTicks }: Identity): Promise<void> {
  if (startTicks === '') {
    throw new HarnessError('UNAVAILABLE', `process ${pid} cannot be told from a later one`);
  }
  if (!isAlive({ pid, startTicks })) return;
  process.kill(pid, 'SIGKILL');
  for (let waitedMs = 0; isAlive({ pid, startTicks }); waitedMs += 10) {
    if (waitedMs > goneWithinMs) {
      throw new HarnessError('UNAVAILABLE', `process ${pid} was killed and does not end`);
    }
    await setTimeout(10);
  }
}

interface Identity {
  readonly pid: number;
  /** Empty where the machine has no /proc. */
  readonly startTicks: string;
}

/** A process that is over and only waits for its parent to notice (state Z) is not alive. */
function isAlive({ pid, startTicks }: Identity): boolean {
  const found = readStat(pid);
  return found?.startTicks === startTicks && found.state !== 'Z';
}

/** The run that owns a file is left alone in case of doubt. */
function mayBeAlive({ pid, startTicks }: Identity): boolean {
  if (startTicks !== '') return isAlive({ pid, startTicks });
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startTicksOf(pid: number): string {
  return readStat(pid)?.startTicks ?? '';
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); undefined where there is no such file. */
function readStat(pid: number): { state: string; startTicks: string } | undefined {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name, field 2, is in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}
