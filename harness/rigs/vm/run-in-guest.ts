import * as fs from 'node:fs';
import * as path from 'node:path';
import { HarnessError } from '../../contract/index.ts';
import { endOfConsole } from './console-end.ts';
import {
  bootGuest,
  memoryMiBUsual,
  type BootOptions,
  type Guest,
  type GuestFacts,
} from './guest.ts';
import type { GuestImage } from './guest-image.ts';
import { explainKill } from './killed-process.ts';

export interface RunInGuestOptions extends Omit<
  BootOptions,
  'sharedFolder' | 'consoleFile' | 'messagesFile'
> {
  /** How this program is started, as in `[process.execPath, ...process.execArgv, process.argv[1]]`. */
  readonly program: readonly string[];
  /** What follows the program, for the machine that has been booted: `run …`, with --out and --device. */
  argumentsFor(guest: GuestFacts): readonly string[];
  /** Of this machine; made where it is missing. The guest writes to it at the same path. */
  readonly runDirectory: string;
  readonly workingDirectory: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A program that should have ended by then does not end at all: the guest crawls, or hangs. */
  readonly withinMs: number;
  onLine?(line: string, stream: 'stdout' | 'stderr'): void;
}

export interface GuestRun {
  readonly exitCode: number;
  readonly facts: GuestFacts;
}

/** File of the run directory that keeps what the guest's kernel and steward printed. */
export const guestConsoleFile = 'guest-console.log';
/** How long a run may take to clean up and report after it was interrupted. */
const endWithinMs = 20_000;

/**
 * Runs this program on the same files inside a guest. Throws UNAVAILABLE where the guest does not
 * come up or does not live as long as the program, or the program does not end in time; what has been
 * written to the run directory stays.
 * Aborted, it interrupts the program as Ctrl-C would, and answers with its exit code; a guest that is
 * still starting, or that does not end in time, is killed.
 */
export async function runInGuest(image: GuestImage, options: RunInGuestOptions): Promise<GuestRun> {
  const { runDirectory } = options;
  fs.mkdirSync(runDirectory, { recursive: true });
  using stop = new StopInTwoSteps(options.signal);
  await using guest = await bootGuest(image, {
    ...options,
    sharedFolder: fs.realpathSync(runDirectory),
    consoleFile: path.join(runDirectory, guestConsoleFile),
    signal: stop.kill,
  });
  const exitCode = await runProgram(guest, options, stop);
  await guest.powerOff();
  return { exitCode, facts: guest.facts };
}

/** First the program is asked to end, and what does not end is killed. */
class StopInTwoSteps implements Disposable {
  readonly #killer = new AbortController();
  readonly #asked: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What there is to ask; before there is a program, only killing is left. */
  interrupt: (() => void) | undefined;

  constructor(asked: AbortSignal | undefined) {
    this.#asked = asked;
    if (asked?.aborted === true) this.#killer.abort();
    asked?.addEventListener('abort', this.#stop, { once: true });
  }

  get kill(): AbortSignal {
    return this.#killer.signal;
  }

  readonly #stop = (): void => {
    if (this.interrupt === undefined) this.#killer.abort();
    else this.interrupt();
    this.#timer = setTimeout(() => {
      this.#killer.abort();
    }, endWithinMs);
  };

  [Symbol.dispose](): void {
    this.#asked?.removeEventListener('abort', this.#stop);
    clearTimeout(this.#timer);
  }
}

async function runProgram(
  guest: Guest,
  options: RunInGuestOptions,
  stop: StopInTwoSteps,
): Promise<number> {
  const { program, workingDirectory, environment = {} } = options;
  const running = guest.start([...program, ...options.argumentsFor(guest.facts)], {
    workingDirectory,
    environment,
    onLine: (line, stream) => options.onLine?.(line, stream),
  });
  stop.interrupt = () => {
    running.kill('SIGINT');
  };
  const { code, signal, stderr } = await inTime(running.ended, options);
  if (code !== null) return code;
  const { text } = explainKill({
    signal,
    errors: stderr,
    consoleFile: path.join(options.runDirectory, guestConsoleFile),
    memoryMiB: options.memoryMiB ?? memoryMiBUsual,
  });
  throw new HarnessError('UNAVAILABLE', `the run in the guest ${text}`);
}

/** Whoever waits no longer switches the guest off. */
async function inTime<T>(
  ended: Promise<T>,
  { withinMs, ...options }: RunInGuestOptions,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const said = endOfConsole(path.join(options.runDirectory, guestConsoleFile));
      const message = `the run in the guest had not ended after ${Math.round(withinMs / 1000)} s, long after its scenarios' time limits: too little memory makes a guest crawl; ${guestConsoleFile} ends with: ${said || '(nothing)'}`;
      reject(new HarnessError('UNAVAILABLE', message));
    }, withinMs);
  });
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
