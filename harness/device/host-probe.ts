import { accessSync, constants } from 'node:fs';
import os from 'node:os';
import type { Host } from '../contract/index.ts';
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
}

type Probe = () => Promise<HostCapability>;

/** Probes this machine. Every probe runs once; none writes anything. */
export function probeHost(): Host & { explain(): Promise<readonly HostCapability[]> } {
  const systemCalls = once(probeSystemCalls);
  const ioUring = once(probeIoUring);
  const loopDevices = once(probeLoopDevices);
  const holds = async (probe: Probe): Promise<boolean> => (await probe()).available;
  return {
    platform: process.platform,
    kernelRelease: os.release(),
    isRoot: isRoot(),
    hasSystemCalls: () => holds(systemCalls),
    hasIoUring: () => holds(ioUring),
    hasLoopDevices: () => holds(loopDevices),
    explain: () =>
      Promise.all([systemCalls(), ioUring(), Promise.resolve(rootCapability()), loopDevices()]),
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
  if (isRoot()) return { name, available: true, reason: 'running as root', fix: '' };
  return {
    name,
    available: false,
    reason: 'not running as root',
    fix: 'run with sudo to use loop devices, file systems and raw devices',
  };
}

async function probeSystemCalls(): Promise<HostCapability> {
  const name = 'system calls';
  const answer = await loadSystemCalls();
  if (answer.available) return { name, available: true, reason: 'koffi loads', fix: '' };
  return {
    name,
    available: false,
    reason: answer.reason,
    fix: 'use Linux on x64 or arm64 and run `npm install` again, with optional packages',
  };
}

async function probeIoUring(): Promise<HostCapability> {
  const name = 'io_uring';
  const answer = await loadSystemCalls();
  if (!answer.available) {
    return { name, available: false, reason: answer.reason, fix: 'see system calls' };
  }
  try {
    using ring = IoUring.open(answer.calls, { submissionEntries: 4, completionEntries: 4 });
    answerOneRequest(ring);
    return { name, available: true, reason: `works on Linux ${os.release()}`, fix: '' };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [failure, fix] = splitAdvice(text);
    return { name, available: false, reason: failure, fix };
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
    return { name, available: false, reason: 'losetup is not installed', fix };
  }
  if (!isRoot()) {
    return { name, available: false, reason: 'only root may make them', fix: 'run with sudo' };
  }
  try {
    accessSync('/dev/loop-control', constants.R_OK | constants.W_OK);
    return { name, available: true, reason: '/dev/loop-control is there', fix: '' };
  } catch (error) {
    return {
      name,
      available: false,
      reason: `/dev/loop-control: ${(error as NodeJS.ErrnoException).code ?? 'not usable'}`,
      fix: 'modprobe loop; in a container add --device /dev/loop-control and -v /dev:/dev',
    };
  }
}
