/**
 * The steward: the program that serves the host inside the guest. It is given to the guest as this one
 * file, so it uses nothing but Node. The host speaks to it through a virtio serial port, one JSON
 * object a line. When the host is gone, so is the guest: nothing of a run that was killed lives on.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

export type ToGuest =
  | {
      readonly kind: 'exec';
      readonly id: number;
      readonly argv: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly workingDirectory: string;
      /** What the process reads from its standard input. */
      readonly input: string;
      /** The process writes its messages to descriptor 3, which is a port of its own to the host. */
      readonly hasMessagePort: boolean;
    }
  | { readonly kind: 'signal'; readonly id: number; readonly signal: NodeJS.Signals }
  | { readonly kind: 'power-off' };

export type FromGuest =
  | { readonly kind: 'ready'; readonly facts: StewardFacts }
  | {
      readonly kind: 'output';
      readonly id: number;
      readonly stream: 'stdout' | 'stderr';
      readonly base64: string;
    }
  | {
      readonly kind: 'exit';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
      /** Why the process could not be started. */
      readonly problem?: string;
    };

export interface StewardFacts {
  readonly kernelRelease: string;
  readonly nodeVersion: string;
  readonly cpuModel: string;
  /** Since the kernel started. */
  readonly uptimeSeconds: number;
  /** Device nodes by the serial numbers of the drives. */
  readonly drives: Readonly<Record<string, string>>;
}

const stewardPort = 'powercut.steward';
const messagePort = 'powercut.messages';
const deviceWithinMs = 10_000;

const serials = process.argv.slice(2);
const processes = new Map<number, ChildProcess>();
const port = fs.openSync(await findPort(stewardPort), 'r+');

const drives = await findDrives();
giveAway(drives);
send({ kind: 'ready', facts: factsOf(drives) });
await serve();
powerOff();

/** A port has its name a moment after its node is there. */
async function findPort(name: string): Promise<string> {
  const folder = '/sys/class/virtio-ports';
  return waitFor(`the port ${name}`, () => {
    const nodes = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const node = nodes.find((entry) => readAttribute(path.join(folder, entry, 'name')) === name);
    return node === undefined ? undefined : `/dev/${node}`;
  });
}

async function findDrives(): Promise<Record<string, string>> {
  return waitFor(`the drives ${serials.join(' ')}`, () => {
    const found: Record<string, string> = {};
    for (const name of fs.readdirSync('/sys/block')) {
      const serial =
        readAttribute(`/sys/block/${name}/device/serial`) ??
        readAttribute(`/sys/block/${name}/serial`);
      const node = `/dev/${name}`;
      if (serial !== undefined && serials.includes(serial) && fs.existsSync(node)) {
        found[serial] = node;
      }
    }
    return Object.keys(found).length === serials.length ? found : undefined;
  });
}

function readAttribute(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    // Not every device has every attribute.
    return undefined;
  }
}

async function waitFor<T>(what: string, find: () => T | undefined): Promise<T> {
  for (let waitedMs = 0; waitedMs < deviceWithinMs; waitedMs += 10) {
    const found = find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`powercut: ${what} did not come up in ${deviceWithinMs / 1000} s`);
}

/**
 * The drives are files that the host made for this guest, and this root is a layer in memory: here
 * they may be overwritten. The device guard wants it said in the way that it is said on any machine.
 */
function giveAway(nodes: Readonly<Record<string, string>>): void {
  fs.mkdirSync('/dev/disk/by-id', { recursive: true });
  const devices = Object.entries(nodes).map(([serial, node]) => {
    fs.symlinkSync(node, `/dev/disk/by-id/${serial}`);
    const sectors = Number(readAttribute(`/sys/block/${path.basename(node)}/size`));
    return { serial, byteCount: sectors * 512 };
  });
  fs.mkdirSync('/etc/powercut', { recursive: true });
  fs.rmSync('/etc/powercut/devices.json', { force: true });
  fs.writeFileSync('/etc/powercut/devices.json', JSON.stringify({ devices }), { mode: 0o644 });
}

function factsOf(nodes: Readonly<Record<string, string>>): StewardFacts {
  const cpu = fs.readFileSync('/proc/cpuinfo', 'utf8');
  return {
    kernelRelease: readAttribute('/proc/sys/kernel/osrelease') ?? '',
    nodeVersion: process.version,
    cpuModel: /^model name\s*: (.*)$/m.exec(cpu)?.[1] ?? '',
    uptimeSeconds: Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]),
    drives: nodes,
  };
}

/** Until the host hangs up, which reads as the end of the port. */
async function serve(): Promise<void> {
  const chunk = Buffer.alloc(65_536);
  let rest = '';
  for (;;) {
    const byteCount = await readPort(chunk);
    if (byteCount === 0) return;
    const lines = (rest + chunk.toString('latin1', 0, byteCount)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      obey(JSON.parse(Buffer.from(line, 'latin1').toString()) as ToGuest);
    }
  }
}

function readPort(chunk: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(port, chunk, 0, chunk.byteLength, null, (error, byteCount) => {
      if (error === null) resolve(byteCount);
      else reject(error);
    });
  });
}

function obey(request: ToGuest): void {
  switch (request.kind) {
    case 'exec':
      start(request);
      return;
    case 'signal':
      signalGroup(processes.get(request.id), request.signal);
      return;
    case 'power-off':
      powerOff();
      return;
  }
}

function start({ id, argv, ...options }: Extract<ToGuest, { kind: 'exec' }>): void {
  const messages = options.hasMessagePort ? openMessagePort() : undefined;
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: options.workingDirectory,
    env: { ...process.env, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe', ...(messages === undefined ? [] : [messages])],
    // A group of its own, so that a signal reaches what it has started too.
    detached: true,
  });
  if (messages !== undefined) fs.closeSync(messages);
  processes.set(id, child);
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.on('data', (data: Buffer) => {
      send({ kind: 'output', id, stream, base64: data.toString('base64') });
    });
  }
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(options.input);
  let problem: string | undefined;
  child.once('error', (error) => {
    problem = error.message;
    // What could not be started closes nothing.
    if (child.pid === undefined) end(null, null);
  });
  child.once('close', end);
  function end(code: number | null, signal: string | null): void {
    if (!processes.delete(id)) return;
    send({ kind: 'exit', id, code, signal, ...(problem !== undefined && { problem }) });
  }
}

/** Written to without any buffer between: what a process has said is with the host when write returns. */
function openMessagePort(): number {
  const folder = '/sys/class/virtio-ports';
  const node = fs
    .readdirSync(folder)
    .find((entry) => readAttribute(path.join(folder, entry, 'name')) === messagePort);
  if (node === undefined) throw new Error('powercut: the guest was started without a message port');
  return fs.openSync(`/dev/${node}`, 'w');
}

function signalGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Blocks until the host's side has taken all of it. */
function send(message: FromGuest): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let sent = 0; sent < line.byteLength;) sent += fs.writeSync(port, line, sent);
}

/** File systems are synchronised by the kernel on the way down only where they are told to. */
function powerOff(): void {
  spawnSync('/run/powercut/busybox', ['sync']);
  spawnSync('/run/powercut/busybox', ['poweroff', '-f']);
}
