import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as readline from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HarnessError } from '../contract/index.ts';
import type { HostJob } from './engine-host.ts';
import type { HostMessage } from './host-messages.ts';
import type { ResourceLedger } from './resources.ts';

export interface EngineProcess {
  /** Everything the process said before it ended, in order; ends when the pipe is empty. */
  readonly messages: AsyncIterable<HostMessage>;
  readonly ended: Promise<{
    readonly signal: string | null;
    readonly code: number | null;
    readonly errors: string;
  }>;
  kill(signal: 'SIGKILL' | 'SIGSTOP'): void;
}

export interface FreezableProcess extends EngineProcess {
  /** Stops it: when this resolves, it says nothing more until it is let go on, or it has ended. */
  freeze(): Promise<void>;
}

/** Starts the process that hosts the engine; the resource ledger sees to it that it cannot stay. */
export function startEngineProcess(job: HostJob, resources: ResourceLedger): FreezableProcess {
  const child = spawn(process.execPath, [...sourceLoader(), fileURLToPath(engineHostModule)], {
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    // Ctrl-C at a terminal reaches a whole process group: how this process ends is ours to decide.
    detached: true,
  });
  const ended = outcomeOf(child);
  // Until it has been told its job it does nothing, and without one it ends.
  const held = child.pid === undefined ? undefined : resources.holdProcess(child.pid);
  child.stdin!.on('error', ignoreEarlyEnd);
  child.stdin!.end(JSON.stringify(job));
  return {
    messages: readMessages(child),
    ended: ended.finally(() => held?.[Symbol.asyncDispose]()),
    kill: (signal) => {
      child.kill(signal);
    },
    freeze: () => freeze(child),
  };
}

/** How often it is looked at until it has stopped. */
const lookAgainAfterMs = 1;

async function freeze(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  while (isRunning(child)) await sleep(lookAgainAfterMs);
}

/** Its main thread alone says what has come of operations (proc_pid_stat(5): T is stopped, Z and X are dead). */
function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  if (pid === undefined || exitCode !== null || signalCode !== null) return false;
  const stat = readStat(pid);
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
  return state !== undefined && !'TtZX'.includes(state);
}

function readStat(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

/** A process that was killed before it had read its job: `ended` says so. */
function ignoreEarlyEnd(): void {
  return;
}

async function* readMessages(child: ChildProcess): AsyncIterable<HostMessage> {
  yield* parseMessages(readline.createInterface({ input: child.stdio[3] as Readable }));
}

/**
 * The last line may be one that SIGKILL cut short: it was never followed by the operation that it
 * announced, and is left out. Throws EVIDENCE_DAMAGED for any other line that cannot be read.
 */
export async function* parseMessages(lines: AsyncIterable<string>): AsyncIterable<HostMessage> {
  let torn: string | undefined;
  for await (const line of lines) {
    if (torn !== undefined) {
      throw new HarnessError('EVIDENCE_DAMAGED', `the engine process said "${torn}" and went on`);
    }
    const message = parseMessage(line);
    if (message === undefined) torn = line.slice(0, 200);
    else yield message;
  }
}

function parseMessage(line: string): HostMessage | undefined {
  try {
    return JSON.parse(line) as HostMessage;
  } catch {
    return undefined;
  }
}

function outcomeOf(child: ChildProcess): EngineProcess['ended'] {
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new HarnessError('UNAVAILABLE', `cannot start the engine process: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      resolve({ code, signal, errors });
    });
  });
}

const runsSource = import.meta.url.endsWith('.ts');

export const engineHostModule = new URL(
  `./engine-host.${runsSource ? 'ts' : 'js'}`,
  import.meta.url,
);

function sourceLoader(): readonly string[] {
  if (!runsSource) return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
