/** Performs file operations on a mounted file system, one after the other, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import * as readline from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  HarnessError,
  type FileOp,
  type FileOutcome,
  type OpId,
  type SyncPolicy,
} from '../contract/index.ts';
import type { FileDriverJob, FileDriverReply, FileDriverRequest } from './file-driver-process.ts';

export interface FileDriverOptions {
  /** Where the file system is mounted. */
  readonly root: string;
  /** Of the bytes that operations write. */
  readonly seed: number;
  readonly syncPolicy: SyncPolicy;
  readonly resources: FileDriverResources;
  /** How long one operation may take; a drive under a fault may stall. 120 s unless given. */
  readonly operationMs?: number;
}

export interface FileDriverResources {
  holdProcess(pid: number): unknown;
}

/** One operation at a time. Disposal kills: it syncs nothing. */
export interface FileDriver extends AsyncDisposable {
  /**
   * Resolves when the system call has answered, with what it answered. Throws UNAVAILABLE where the
   * process has ended or the time is over: whether the operation takes effect is then open.
   */
  perform(id: OpId, op: FileOp): Promise<FileOutcome>;
}

const startMs = 120_000;
const operationMsDefault = 120_000;
/** A process that hangs in the kernel ends when its request does. */
const endMs = 10_000;

/** Throws UNAVAILABLE where the process does not come up. */
export async function startFileDriver(options: FileDriverOptions): Promise<FileDriver> {
  const driver = new DriverProcess(options);
  try {
    await driver.begin(options);
    return driver;
  } catch (error) {
    await driver[Symbol.asyncDispose]();
    throw error;
  }
}

interface Waiting {
  resolve(reply: FileDriverReply): void;
  reject(error: Error): void;
}

class DriverProcess implements FileDriver {
  readonly #child: ChildProcess;
  readonly #requests: Writable;
  readonly #operationMs: number;
  readonly #ended: Promise<void>;
  #waiting: Waiting | undefined;
  /** Why nothing can be asked any more. */
  #over: string | undefined;
  #errors = '';

  constructor({ resources, operationMs = operationMsDefault }: FileDriverOptions) {
    this.#operationMs = operationMs;
    this.#child = spawn(process.execPath, [...sourceLoader(), processEntry()], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      // It must not keep any file system busy that it does not work on.
      cwd: '/',
      // Ctrl-C at a terminal reaches a whole process group: how this process ends is ours to decide.
      detached: true,
    });
    if (this.#child.pid !== undefined) resources.holdProcess(this.#child.pid);
    this.#requests = this.#child.stdio[3] as Writable;
    this.#ended = this.#watch();
  }

  async begin({ root, seed, syncPolicy }: FileDriverJob): Promise<void> {
    const reply = await this.#ask({ root, seed, syncPolicy }, startMs);
    if (reply.type === 'ready') return;
    const reason = reply.type === 'unavailable' ? reply.reason : `it answered ${reply.type}`;
    throw new HarnessError('UNAVAILABLE', `the file driver cannot work: ${reason}`);
  }

  async perform(id: OpId, op: FileOp): Promise<FileOutcome> {
    const reply = await this.#ask({ id, op }, this.#operationMs);
    if (reply.type === 'outcome' && reply.id === id) return reply.outcome;
    throw new HarnessError('UNAVAILABLE', `the file driver answered out of turn: ${reply.type}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail('it was disposed of');
    this.#child.kill('SIGKILL');
    await withinTime(this.#ended, endMs, 'the file driver was killed and does not end');
  }

  async #ask(
    request: FileDriverJob | FileDriverRequest,
    limitMs: number,
  ): Promise<FileDriverReply> {
    if (this.#over !== undefined) throw gone(this.#over);
    const answered = new Promise<FileDriverReply>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#requests.write(`${JSON.stringify(request)}\n`);
    const late = `it has not answered for ${limitMs} ms`;
    try {
      return await withinTime(answered, limitMs, `the file driver is stuck: ${late}`);
    } catch (error) {
      // What it says later would be taken for the answer to something else.
      this.#fail(late);
      this.#child.kill('SIGKILL');
      throw error;
    } finally {
      this.#waiting = undefined;
    }
  }

  #watch(): Promise<void> {
    const child = this.#child;
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4000);
    });
    // A process that has been killed reads no more; `close` says so.
    this.#requests.on('error', () => undefined);
    const replies = readline.createInterface({ input: child.stdio[4] as Readable });
    replies.on('line', (line) => {
      this.#waiting?.resolve(JSON.parse(line) as FileDriverReply);
    });
    return new Promise((resolve) => {
      child.once('error', (error) => {
        this.#fail(`it does not start: ${error.message}`);
        resolve();
      });
      child.once('close', (code, signal) => {
        const said = this.#errors === '' ? '' : `: ${this.#errors}`;
        this.#fail(`it ended with ${signal ?? `code ${code ?? 'unknown'}`}${said}`);
        resolve();
      });
    });
  }

  #fail(why: string): void {
    this.#over ??= why;
    this.#waiting?.reject(gone(this.#over));
  }
}

function gone(why: string): HarnessError {
  return new HarnessError('UNAVAILABLE', `the file driver is gone: ${why}`);
}

async function withinTime<T>(work: Promise<T>, limitMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HarnessError('UNAVAILABLE', message));
    }, limitMs);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

const runsSource = import.meta.url.endsWith('.ts');

function processEntry(): string {
  const name = `./file-driver-process.${runsSource ? 'ts' : 'js'}`;
  return fileURLToPath(new URL(name, import.meta.url));
}

function sourceLoader(): readonly string[] {
  if (!runsSource) return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
