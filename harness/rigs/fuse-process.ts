import { Buffer } from 'node:buffer';
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HarnessError } from '../contract/index.ts';
import {
  FrameReader,
  frameKinds,
  frameOf,
  jsonOf,
  type Failed,
  type Frame,
} from './fuse-messages.ts';

interface Asked {
  resolve(body: Buffer): void;
  reject(error: Error): void;
}

/** The server's process as the run talks to it. Disposal is SIGKILL. */
export class TwinProcess implements AsyncDisposable {
  /** Resolves when it ends, however that comes about; why is in `ending`. */
  readonly ended: Promise<void>;
  /** Resolves when a fault that fired there has cut the power. */
  readonly powerLost: Promise<void>;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  /** In the order in which they were asked: answers come in the same. */
  readonly #asked: Asked[] = [];
  #historyPieces: Buffer[] = [];
  #errors = '';
  #ending: string | undefined;
  #losePower: () => void = () => undefined;

  constructor() {
    this.#child = spawn(process.execPath, [...sourceLoader(), serverEntry()], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // Ctrl-C at a terminal reaches a whole process group: how this process ends is ours to decide.
      detached: true,
    });
    this.#socket = this.#child.stdio[3] as Socket;
    this.powerLost = new Promise((resolve) => {
      this.#losePower = resolve;
    });
    this.ended = this.#followToItsEnd();
    this.#listen();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /** Throws UNAVAILABLE, with how it ended. */
  refuseWhenGone(): void {
    if (this.#ending !== undefined) throw this.#goneError();
  }

  /** Sends frames that get one answer together, and resolves to its body. */
  ask(...frames: readonly Buffer[]): Promise<Buffer> {
    if (this.#ending !== undefined) return Promise.reject(this.#goneError());
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      for (const frame of frames) this.#socket.write(frame);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #followToItsEnd(): Promise<void> {
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4000);
    });
    return new Promise((resolve) => {
      const end = (how: string): void => {
        this.#ending ??= how;
        for (const asked of this.#asked.splice(0)) asked.reject(this.#goneError());
        resolve();
      };
      this.#child.once('error', (error) => {
        end(`could not be started: ${error.message}`);
      });
      this.#child.once('close', (code, signal) => {
        end(signal === null ? `ended with code ${code ?? '?'}` : `was ended by ${signal}`);
      });
    });
  }

  #listen(): void {
    const reader = new FrameReader();
    // What follows from a broken socket is that the process has ended, and that is seen anyway.
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (piece: Buffer) => {
      for (const frame of reader.take(piece)) this.#hear(frame);
    });
  }

  #hear(frame: Frame): void {
    if (frame.kind === frameKinds.powerLost) {
      this.#losePower();
      return;
    }
    if (frame.kind === frameKinds.historyPiece) {
      this.#historyPieces.push(frame.body);
      return;
    }
    const asked = this.#asked.shift();
    if (frame.kind === frameKinds.failed) {
      const { code, message } = jsonOf(frame) as Failed;
      asked?.reject(new HarnessError(code, message));
      return;
    }
    const isHistory = frame.kind === frameKinds.history;
    asked?.resolve(isHistory ? Buffer.concat(this.#historyPieces.splice(0)) : frame.body);
  }

  #goneError(): HarnessError {
    const errors = this.#errors.trim();
    return new HarnessError(
      'UNAVAILABLE',
      `the server of the twin ${this.#ending ?? 'has ended'}${errors === '' ? '' : `: ${errors}`}`,
    );
  }
}

const runsSource = import.meta.url.endsWith('.ts');

function serverEntry(): string {
  return fileURLToPath(new URL(`./fuse-server.${runsSource ? 'ts' : 'js'}`, import.meta.url));
}

function sourceLoader(): readonly string[] {
  if (!runsSource) return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}

/** The frame that asks the server for nothing but to take its notes. */
export const takeNotesFrame: Buffer = frameOf(frameKinds.takeNotes);
