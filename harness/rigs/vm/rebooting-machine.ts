import { setMaxListeners } from 'node:events';
import * as fs from 'node:fs';
import type { ExecOptions } from './guest-channel.ts';
import type { GuestImage } from './guest-image.ts';
import { startTelling, type TellingProcess } from './guest-messages.ts';
import { bootGuest, type BootOptions, type Guest } from './guest.ts';

export interface RebootingOptions extends Omit<BootOptions, 'messagesFile'> {
  readonly messagesFile: string;
}

export interface MachineProcess {
  /** See TellingProcess. */
  readonly lines: AsyncIterable<string>;
  /** A process whose machine was killed ended by SIGKILL. Rejects with UNAVAILABLE where no guest comes up. */
  readonly ended: Promise<MachineProcessEnd>;
  /** Kills the whole machine. */
  kill(): void;
}

export interface MachineProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly errors: string;
}

/**
 * A machine that is switched on whenever it is needed, from the same drives: what is killed takes the
 * whole of it down, and the next process finds what a machine finds after its power came back.
 */
export class RebootingMachine implements AsyncDisposable {
  readonly #image: GuestImage;
  readonly #options: RebootingOptions;
  #guest: Promise<Guest> | undefined;
  #boots = 0;

  constructor(image: GuestImage, options: RebootingOptions) {
    this.#image = image;
    this.#options = options;
    if (options.signal !== undefined) setMaxListeners(0, options.signal);
    fs.writeFileSync(options.messagesFile, '', { flag: 'a' });
  }

  /** How often it was switched on. */
  get boots(): number {
    return this.#boots;
  }

  /** The guest that runs now; booted where none does. */
  guest(): Promise<Guest> {
    this.#guest ??= this.#boot();
    return this.#guest;
  }

  /** Starts a process that tells what it does through descriptor 3; the machine is booted first where it is off. */
  start(
    argv: readonly string[],
    options: Omit<ExecOptions, 'hasMessagePort'> = {},
  ): MachineProcess {
    const guest = this.guest();
    const running = guest.then((booted) =>
      startTelling(booted, this.#options.messagesFile, argv, options),
    );
    const ended = endOf(guest, running);
    ended.catch(() => undefined);
    return {
      lines: linesOf(running),
      ended,
      kill: () => {
        guest.then((booted) => booted.kill()).catch(() => undefined);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const guest = await this.#guest?.catch(() => undefined);
    await guest?.kill();
  }

  async #boot(): Promise<Guest> {
    this.#boots++;
    const guest = await bootGuest(this.#image, this.#options);
    const forget = (): void => {
      this.#guest = undefined;
    };
    guest.ended.then(forget, forget);
    return guest;
  }
}

async function* linesOf(running: Promise<TellingProcess>): AsyncIterable<string> {
  yield* (await running).lines;
}

async function endOf(
  guest: Promise<Guest>,
  running: Promise<TellingProcess>,
): Promise<MachineProcessEnd> {
  const answer = await (await running).ended;
  if (answer === undefined) {
    // Only then is the machine off, and the next process switches it on again.
    await (
      await guest
    ).ended;
    return { code: null, signal: 'SIGKILL', errors: '' };
  }
  return { code: answer.code, signal: answer.signal, errors: answer.stderr.slice(-4000) };
}
