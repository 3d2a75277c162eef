/**
 * A guest: a whole machine with drives of its own that shares the programs of this one, and that can
 * be killed at any moment. Its drives' files stay, so that another guest can be booted from them.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Duplex } from 'node:stream';
import { HarnessError } from '../../contract/index.ts';
import { chooseAccelerator, type Accelerator } from './accelerator.ts';
import { describeEnd } from './console-end.ts';
import {
  GuestChannel,
  type ExecAnswer,
  type ExecOptions,
  type GuestProcess,
} from './guest-channel.ts';
import { stewardProgram } from './steward-program.ts';
import { encodeArchive } from './cpio.ts';
import type { StewardFacts } from './guest-steward.ts';
import type { GuestImage } from './guest-image.ts';
import { stewardFile, bootSettingsScript, rootTag, sharedTag } from './guest-init.ts';
import { startHeld, type HeldProcess } from './held-process.ts';
import { modulesFor } from './guest-modules.ts';
import { qemuArguments, qemuProgram, serialOf, type GuestDrive } from './qemu-arguments.ts';
import { requireMachine } from './probe-vm.ts';
import { findShareServer, shareFolder, type SharedFolder } from './shared-folder.ts';
import type { VmResources } from './vm-resources.ts';

export interface BootOptions {
  readonly resources: VmResources;
  readonly drives: readonly GuestDrive[];
  /** Takes everything the kernel and the steward print; appended to. */
  readonly consoleFile: string;
  /** An existing folder that the guest can write to, at the same path. */
  readonly sharedFolder?: string;
  /** Takes what processes write to their message port; appended to. */
  readonly messagesFile?: string;
  /** Undefined is `memoryMiBUsual`. */
  readonly memoryMiB?: number;
  /** Undefined chooses: KVM where it really works. */
  readonly accelerator?: Accelerator;
  /** Undefined is two minutes. */
  readonly bootWithinMs?: number;
  /** Aborted, it kills the guest. */
  readonly signal?: AbortSignal;
}

/** Half of it can be taken by files in memory. */
export const memoryMiBUsual = 1024;

export interface GuestFacts extends StewardFacts {
  readonly accelerator: Accelerator['kind'];
  /** From the start of QEMU to the steward's first word. */
  readonly bootMs: number;
  /** Device nodes by the names of the drives. */
  readonly drives: Readonly<Record<string, string>>;
}

/** Disposing kills. */
export interface Guest extends AsyncDisposable {
  readonly facts: GuestFacts;
  /** Resolves when the machine is gone, whatever the reason. */
  readonly ended: Promise<void>;
  /** Runs a program to its end. Rejects with UNAVAILABLE where the guest does not live that long. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecAnswer>;
  start(argv: readonly string[], options?: ExecOptions): GuestProcess;
  /** SIGKILL: what the guest held in memory is lost, and what the host was given stays. */
  kill(): Promise<void>;
  /** In order: file systems are synchronised first. Kills where that takes more than 20 s. */
  powerOff(): Promise<void>;
}

/** Throws UNAVAILABLE where the guest does not come up; the message has the end of the console. */
export async function bootGuest(image: GuestImage, options: BootOptions): Promise<Guest> {
  options.signal?.throwIfAborted();
  requireMachine({ platform: process.platform, isRoot: process.geteuid?.() === 0 });
  const { resources } = options;
  const accelerator = options.accelerator ?? (await chooseAccelerator(image, resources));
  const folder = resources.makeDirectory('vm');
  const shares = await shareFolders(folder, options);
  const initramfsFile = path.join(folder, 'initramfs');
  fs.writeFileSync(initramfsFile, await bootArchive(image, options));
  const startedMs = performance.now();
  const machine = startMachine(image, options, { accelerator, shares, initramfsFile });
  const guest = new RunningGuest(machine, shares, folder, options);
  await guest.waitForSteward(accelerator, startedMs);
  return guest;
}

interface ServedFolder extends SharedFolder {
  readonly server: HeldProcess;
}

async function shareFolders(
  folder: string,
  { sharedFolder, resources }: BootOptions,
): Promise<readonly ServedFolder[]> {
  const server = findShareServer();
  if (server === undefined) {
    throw new HarnessError(
      'UNAVAILABLE',
      'there is no virtiofsd to share the root of this machine with a guest: apt-get install virtiofsd, or qemu-system-common before Debian 13',
    );
  }
  const wanted: readonly SharedFolder[] = [
    { tag: rootTag, folder: '/', socket: path.join(folder, 'root', 'socket'), isWritable: false },
    ...(sharedFolder === undefined
      ? []
      : [
          {
            tag: sharedTag,
            folder: sharedFolder,
            socket: path.join(folder, 'shared', 'socket'),
            isWritable: true,
          },
        ]),
  ];
  return Promise.all(
    wanted.map(async (share) => {
      assertShortEnough(share.socket);
      fs.mkdirSync(path.dirname(share.socket));
      return { ...share, server: await shareFolder(server, share, resources) };
    }),
  );
}

/** The kernel's limit for the path of a socket (unix(7)). */
function assertShortEnough(socket: string): void {
  const pathBytesMax = 107;
  if (Buffer.byteLength(socket) <= pathBytesMax) return;
  throw new HarnessError(
    'UNAVAILABLE',
    `${socket} is too long for the path of a socket (${pathBytesMax} bytes): set TMPDIR to a shorter path`,
  );
}

/** The cached archive, and one with what is of this boot alone. */
async function bootArchive(image: GuestImage, options: BootOptions): Promise<Uint8Array> {
  const settings = bootSettingsScript({
    steward: [process.execPath, stewardFile, ...options.drives.map(serialOf)],
    modules: modulesFor(options.drives),
    modulesFolder: image.modulesFolder,
    sharedFolder: options.sharedFolder,
    isProbe: false,
  });
  const own = encodeArchive([
    { kind: 'file', path: 'settings.sh', content: Buffer.from(settings) },
    { kind: 'file', path: 'steward.mjs', content: await stewardProgram() },
  ]);
  return Buffer.concat([fs.readFileSync(image.initramfsFile), own]);
}

interface MachineParts {
  readonly accelerator: Accelerator;
  readonly shares: readonly SharedFolder[];
  readonly initramfsFile: string;
}

/** The first descriptor after the three that every process has. */
const stewardDescriptor = 3;

function startMachine(
  image: GuestImage,
  options: BootOptions,
  { accelerator, shares, initramfsFile }: MachineParts,
): HeldProcess {
  const plan = qemuArguments({
    accelerator: accelerator.kind,
    memoryMiB: options.memoryMiB ?? memoryMiBUsual,
    processors: 2,
    kernelFile: image.kernelFile,
    initramfsFile,
    consoleFile: options.consoleFile,
    drives: options.drives,
    shares,
    stewardDescriptor,
    messagesFile: options.messagesFile,
  });
  return startHeld([qemuProgram, ...plan], options.resources, 1);
}

const bootWithinMs = 120_000;
const powerOffWithinMs = 20_000;

class RunningGuest implements Guest {
  readonly #machine: HeldProcess;
  readonly #shares: readonly ServedFolder[];
  readonly #folder: string;
  readonly #options: BootOptions;
  readonly #channel: GuestChannel;
  readonly ended: Promise<void>;
  #facts: GuestFacts | undefined;
  #wasKilled = false;

  constructor(
    machine: HeldProcess,
    shares: readonly ServedFolder[],
    folder: string,
    options: BootOptions,
  ) {
    this.#machine = machine;
    this.#shares = shares;
    this.#folder = folder;
    this.#options = options;
    this.#channel = new GuestChannel(machine.child.stdio[stewardDescriptor] as Duplex);
    this.ended = this.#watch();
    this.ended.catch(() => undefined);
    options.signal?.addEventListener('abort', this.#destroy, { once: true });
    // Its servers were waited for, and whoever was aborted meanwhile is not told again.
    if (options.signal?.aborted === true) this.#destroy();
  }

  get facts(): GuestFacts {
    return this.#facts!;
  }

  async waitForSteward(accelerator: Accelerator, startedMs: number): Promise<void> {
    const limitMs = this.#options.bootWithinMs ?? bootWithinMs;
    const timer = setTimeout(() => {
      this.#channel.end(this.#failure(`did not start its steward in ${limitMs / 1000} s`));
      this.#destroy();
    }, limitMs);
    try {
      const facts = await this.#channel.ready;
      this.#facts = {
        ...facts,
        drives: this.#namedDrives(facts),
        accelerator: accelerator.kind,
        bootMs: performance.now() - startedMs,
      };
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #namedDrives({ drives }: StewardFacts): GuestFacts['drives'] {
    return Object.fromEntries(
      this.#options.drives.map((drive) => [drive.name, drives[serialOf(drive)]!]),
    );
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecAnswer> {
    return this.start(argv, options).ended;
  }

  start(argv: readonly string[], options: ExecOptions = {}): GuestProcess {
    return this.#channel.start(argv, options);
  }

  async kill(): Promise<void> {
    this.#destroy();
    await this.ended;
  }

  async powerOff(): Promise<void> {
    this.#channel.powerOff();
    const timer = setTimeout(this.#destroy, powerOffWithinMs);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  readonly #destroy = (): void => {
    this.#wasKilled = true;
    this.#machine.child.kill('SIGKILL');
  };

  /** The servers end when QEMU hangs up. */
  async #watch(): Promise<void> {
    const { code } = await this.#machine.ended;
    this.#options.signal?.removeEventListener('abort', this.#destroy);
    this.#channel.end(
      this.#failure(this.#wasKilled ? 'was killed' : `ended by itself (QEMU code ${String(code)})`),
    );
    const servers = this.#shares.map(async ({ server }) => {
      const timer = setTimeout(() => server.child.kill('SIGKILL'), 2000);
      await server.ended;
      clearTimeout(timer);
    });
    await Promise.all(servers);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  #failure(what: string): HarnessError {
    const { consoleFile } = this.#options;
    const hasStarted = this.#facts !== undefined;
    const end = { what, consoleFile, errors: this.#machine.errors(), hasStarted };
    return new HarnessError('UNAVAILABLE', describeEnd(end));
  }
}
