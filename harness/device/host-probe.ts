import { accessSync, constants } from 'node:fs';
import os from 'node:os';
import type { Host, RigName } from '../contract/index.ts';
import { operationCode } from '../sys/io-uring-layout.ts';
import { IoUring } from '../sys/io-uring.ts';
import { loadSystemCalls } from '../sys/libc.ts';
import { runTool } from './system-tool.ts';

/** One line of `powercut doctor`. */
export interface HostCapability {
  readonly name: string;
  readonly available: boolean;
  /** What was found, or why it is missing. */
  readonly reason: string;
  /** What to do about it; empty where nothing needs doing. */
  readonly fix: string;
  /** The rigs that cannot do without it. */
  readonly rigs: readonly RigName[];
}

const realDevices: readonly RigName[] = ['fuse', 'device'];

type Probe = () => Promise<HostCapability>;

/** Probes this machine. Every probe runs once; none writes anything. */
export function probeHost(): Host & { explain(): Promise<readonly HostCapability[]> } {
  const systemCalls = once(probeSystemCalls);
  const ioUring = once(probeIoUring);
  const loopDevices = once(probeLoopDevices);
  const fuse = once(probeFuse);
  const holds = async (probe: Probe): Promise<boolean> => (await probe()).available;
  return {
    platform: process.platform,
    kernelRelease: os.release(),
    isRoot: isRoot(),
    hasSystemCalls: () => holds(systemCalls),
    hasIoUring: () => holds(ioUring),
    hasLoopDevices: () => holds(loopDevices),
    hasFuse: () => holds(fuse),
    explain: () =>
      Promise.all([
        systemCalls(),
        ioUring(),
        Promise.resolve(rootCapability()),
        loopDevices(),
        fuse(),
      ]),
  };
}

function once(probe: Probe): Probe {
  let answer: Promise<HostCapability> | undefined;
  return () => (answer ??= probe());
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function rootCapability(): HostCapability {
  const name = 'root';
  const rigs = realDevices;
  if (isRoot()) return { name, available: true, reason: 'running as root', fix: '', rigs };
  return {
    name,
    rigs,
    available: false,
    reason: 'not running as root',
    fix: 'run with sudo to use loop devices, file systems and raw devices',
  };
}

async function probeSystemCalls(): Promise<HostCapability> {
  const name = 'system calls';
  const rigs = realDevices;
  const answer = await loadSystemCalls();
  if (answer.available) return { name, available: true, reason: 'koffi loads', fix: '', rigs };
  return {
    name,
    rigs,
    available: false,
    reason: answer.reason,
    fix: 'use Linux on x64 or arm64 and run `npm install` again, with optional packages',
  };
}

async function probeIoUring(): Promise<HostCapability> {
  const name = 'io_uring';
  const rigs = realDevices;
  const answer = await loadSystemCalls();
  if (!answer.available) {
    return { name, available: false, reason: answer.reason, fix: 'see system calls', rigs };
  }
  try {
    using ring = IoUring.open(answer.calls, { submissionEntries: 4, completionEntries: 4 });
    answerOneRequest(ring);
    return { name, available: true, reason: `works on Linux ${os.release()}`, fix: '', rigs };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [failure, fix] = splitAdvice(text);
    return { name, available: false, reason: failure, fix, rigs };
  }
}

/** A filter may let a ring be set up and forbid its use. */
function answerOneRequest(ring: IoUring): void {
  ring.push({
    operation: operationCode.nop,
    flags: 0,
    file: -1,
    byteOffset: 0,
    address: 0,
    byteCount: 0,
    operationFlags: 0,
    userData: 0,
    bufferIndex: 0,
  });
  ring.submit(1);
  ring.reap(() => undefined);
}

/** `io_uring_setup failed: EPERM (…): what to do` */
function splitAdvice(text: string): [failure: string, fix: string] {
  const end = text.indexOf('): ');
  return end < 0 ? [text, ''] : [text.slice(0, end + 1), text.slice(end + 3)];
}

async function probeLoopDevices(): Promise<HostCapability> {
  const name = 'loop devices';
  if ((await runTool('losetup', ['--version'])) === undefined) {
    const fix = 'install util-linux (Debian: apt-get install mount)';
    return { name, available: false, reason: 'losetup is not installed', fix, rigs: realDevices };
  }
  return probeNode(name, '/dev/loop-control', realDevices, 'may make them', 'modprobe loop');
}

async function probeFuse(): Promise<HostCapability> {
  return probeNode('FUSE', '/dev/fuse', ['fuse'], 'may mount with it', 'modprobe fuse');
}

function probeNode(
  name: string,
  node: string,
  rigs: readonly RigName[],
  deed: string,
  command: string,
): HostCapability {
  if (!isRoot()) {
    return { name, available: false, reason: `only root ${deed}`, fix: 'run with sudo', rigs };
  }
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
    return { name, available: true, reason: `${node} is there`, fix: '', rigs };
  } catch (error) {
    return {
      name,
      available: false,
      reason: `${node}: ${(error as NodeJS.ErrnoException).code ?? 'not usable'}`,
      fix: `${command}; in a container add --device ${node} and -v /dev:/dev`,
      rigs,
    };
  }
}
