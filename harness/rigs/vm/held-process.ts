import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { HarnessError } from '../../contract/index.ts';
import type { VmResources } from './vm-resources.ts';

export interface HeldProcess {
  readonly child: ChildProcess;
  /** What it said on standard error, the last of it. */
  errors(): string;
  /** Resolves when the process is over and its pipes are empty. */
  readonly ended: Promise<ProcessEnd>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

const errorCharactersMax = 4000;

/**
 * Starts a program that cannot outlive the run unnoticed: it waits to be told to begin until its
 * number is in the list of resources, and ends when it is never told. Descriptors from 3 on are pipes
 * that both sides can read and write.
 */
export function startHeld(argv: readonly string[], resources: VmResources, pipes = 0): HeldProcess {
  const stdio: StdioOptions = ['pipe', 'ignore', 'pipe', ...Array<'pipe'>(pipes).fill('pipe')];
  // Ctrl-C at a terminal reaches a whole process group: how this process ends is ours to decide.
  const child = spawn('/bin/sh', ['-c', 'read go && exec "$@" </dev/null', 'sh', ...argv], {
    stdio,
    detached: true,
  });
  let errors = '';
  child.stderr!.on('data', (data: Buffer) => {
    errors = (errors + data.toString()).slice(-errorCharactersMax);
  });
  const ended = endOf(child);
  const held = child.pid === undefined ? undefined : resources.holdProcess(child.pid);
  child.stdin!.on('error', () => undefined);
  child.stdin!.end('go\n');
  return {
    child,
    errors: () => errors.trim(),
    ended: ended.finally(() => held?.[Symbol.asyncDispose]()),
  };
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new HarnessError('UNAVAILABLE', `cannot start /bin/sh: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
}
