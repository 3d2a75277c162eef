import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DeviceGeometry, EngineArea, EngineFacts } from '../../contract/index.ts';
import type { RecordingStore } from '../../drive/served/recording-store.ts';
import { prepareGuest } from '../../rigs/vm/guest-image.ts';
import type { ExecAnswer } from '../../rigs/vm/guest-channel.ts';
import { bootGuest, memoryMiBUsual, type Guest } from '../../rigs/vm/guest.ts';
import { explainKill } from '../../rigs/vm/killed-process.ts';
import { MessageFile } from '../../rigs/vm/message-file.ts';
import { TwinDrive } from '../../rigs/vm/twin-drive.ts';
import type { ResourceLedger } from '../resources.ts';
import { ProcessCrash } from './process-crash.ts';

export interface TwinMachineOptions {
  readonly geometry: DeviceGeometry;
  readonly seed: number;
  readonly areas?: readonly EngineArea[];
  readonly resources: ResourceLedger;
  /** Aborted, it kills the machine. */
  readonly stop: AbortSignal;
  /** Takes what the kernel of the machine says; appended to. */
  readonly consoleFile: string;
  /** What the preparation of a guest says. */
  onNote(text: string): void;
  /**
   * Called in order for every line that a process of the machine says, as long as there is power: after whatever had
   * been answered when it was said, and before any request that was made afterwards.
   */
  onLine(line: string, store: RecordingStore): void;
}

/** How a process of the machine ended; undefined where the power was cut first. */
export interface ProcessEnd {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly errors: string;
  /** Where a signal ended it: why. */
  readonly crash?: ProcessCrash;
}

const driveName = 'main';

/** Without requests nothing calls for a look at what was said. */
const listenEveryMs = 5;

interface MachineParts {
  readonly folder: string;
  readonly messages: MessageFile;
  readonly twin: TwinDrive;
  readonly guest: Guest;
  readonly ear: Ear;
  readonly consoleFile: string;
}

/**
 * A machine whose one drive is the twin: when its power is cut, kernel, processes and the drive's volatile cache are
 * lost together, and the history has every state that this may leave, now or at any moment before.
 */
export class TwinMachine implements AsyncDisposable {
  readonly #parts: MachineParts;

  private constructor(parts: MachineParts) {
    this.#parts = parts;
  }

  /** Throws UNAVAILABLE where it does not come up. */
  static async boot(options: TwinMachineOptions): Promise<TwinMachine> {
    const folder = fs.realpathSync(options.resources.makeDirectory('messages'));
    const messages = new MessageFile(path.join(folder, 'messages'));
    const ear = new Ear(messages, (line) => {
      if (!twin.store.isCut) options.onLine(line, twin.store);
    });
    // Whatever the scenario says: what the guest reaches the drive by has no FUA.
    const geometry = { ...options.geometry, supportsFua: false };
    const twin = await TwinDrive.start({
      ...options,
      geometry,
      name: driveName,
      onArrival: ear.listen,
    });
    try {
      const guest = await bootOn(twin, messages, options, folder);
      const { consoleFile } = options;
      return new TwinMachine({ folder, messages, twin, guest, ear, consoleFile });
    } catch (error) {
      await twin[Symbol.asyncDispose]();
      messages[Symbol.dispose]();
      throw error;
    }
  }

  get store(): RecordingStore {
    return this.#parts.twin.store;
  }

  /** An existing folder that its processes can read, at the same path. */
  get folder(): string {
    return this.#parts.folder;
  }

  /** As its processes find the drive. */
  get node(): string {
    return this.#parts.guest.facts.drives[driveName]!;
  }

  get facts(): EngineFacts {
    const { accelerator, kernelRelease } = this.#parts.guest.facts;
    return { guestAccelerator: accelerator, guestKernel: kernelRelease };
  }

  /** Runs a process that tells what it does. Rejects with UNAVAILABLE where the machine fails it. */
  async run(argv: readonly string[], input: string): Promise<ProcessEnd | undefined> {
    const { guest, ear } = this.#parts;
    const running = guest.start(argv, { input, hasMessagePort: true });
    const listening = setInterval(ear.listen, listenEveryMs);
    try {
      const answer = await Promise.race([running.ended, ear.closed]);
      ear.listen();
      if (answer === undefined || this.store.isCut) {
        await ear.closed;
        return undefined;
      }
      return this.#endOf(answer);
    } finally {
      clearInterval(listening);
    }
  }

  #endOf({ code, signal, stderr }: ExecAnswer): ProcessEnd {
    const errors = stderr.slice(-4000);
    if (code !== null) return { code, errors };
    const { consoleFile } = this.#parts;
    const reason = explainKill({ signal, errors, consoleFile, memoryMiB: memoryMiBUsual });
    const isEmulated = this.#parts.guest.facts.accelerator === 'tcg';
    return { code, errors, crash: new ProcessCrash(reason, isEmulated) };
  }

  /** At once: nothing that comes later is on record, neither requests nor what is said. */
  async cutPower(): Promise<void> {
    this.store.cut();
    this.#parts.ear.close();
    await this.#parts.guest.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { guest, twin, messages } = this.#parts;
    await guest[Symbol.asyncDispose]();
    await twin[Symbol.asyncDispose]();
    messages[Symbol.dispose]();
  }
}

async function bootOn(
  { drive }: TwinDrive,
  messages: MessageFile,
  { resources, stop, consoleFile, ...options }: TwinMachineOptions,
  sharedFolder: string,
): Promise<Guest> {
  const image = await prepareGuest({ resources }, (text) => {
    options.onNote(text);
  });
  return bootGuest(image, {
    resources,
    drives: [drive],
    consoleFile,
    messagesFile: messages.path,
    sharedFolder,
    signal: stop,
  });
}

/** Hears what is said until the power is cut, or until what was said cannot be. */
class Ear {
  readonly listen: () => void;
  /** Rejects with what was wrong with what was said. */
  readonly closed: Promise<void>;
  close: () => void = () => undefined;

  constructor(messages: MessageFile, onLine: (line: string) => void) {
    let fail: (error: unknown) => void = () => undefined;
    this.closed = new Promise((resolve, reject) => {
      this.close = () => {
        resolve();
      };
      fail = reject;
    });
    this.closed.catch(() => undefined);
    this.listen = () => {
      try {
        for (const line of messages.takeLines()) onLine(line);
      } catch (error) {
        // Called by the server of the drive, which has nothing to do with it.
        fail(error);
      }
    };
  }
}
