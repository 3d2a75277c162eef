/**
 * Runs on the kernel's file systems, ended by a signal: nothing of them stays on the machine. It is
 * `npm run soak:interrupt` in small, at moments when there is most to be forgotten.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interruptRun, type Interruption, type Moment } from '../../tools/soak-interrupted-run.ts';
import { marked, type Mark } from '../../tools/soak-inventory.ts';
import { probeHost } from '../device/host-probe.ts';

const host = probeHost();
const canRun = host.isRoot && (await host.hasFuse()) && (await host.hasLoopDevices());

let mark: Mark;
let runDirectories: string;

beforeEach(() => {
  mark = {
    directory: fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'powercut-rigs-')),
    variable: `POWERCUT_TEST=${randomUUID()}`,
  };
  runDirectories = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-rigs-runs-'));
});

afterEach(() => {
  // What a failed test has left is for `powercut clean`, with this TMPDIR: its lists are in there.
  if (marked(mark).every((what) => what.startsWith('file '))) {
    fs.rmSync(mark.directory, { recursive: true, force: true });
  }
  fs.rmSync(runDirectories, { recursive: true, force: true });
});

type Case = readonly [words: readonly string[], signal: Interruption, moment: Moment];

/** Resource 7 is the process of the workload, and each thread that mounts crash states makes four more. */
const cases: readonly Case[] = [
  [['ext4-ordered'], 'SIGINT', { afterResource: 7, plusMs: 300 }],
  [['xfs'], 'SIGKILL', { afterResource: 11, plusMs: 700 }],
  [['power-cut-bank', '--rig', 'fuse'], 'SIGTERM', { afterResource: 4, plusMs: 500 }],
  [['ext4-ordered'], 'SIGKILL', { afterResource: 7, plusMs: 50 }],
];

describe.runIf(canRun)('a run on a file system of the kernel', () => {
  it.each(cases)('%s that gets %s leaves nothing (%#) (@req D6)', async (words, signal, moment) => {
    const scenario = { words, seconds: 60, resources: 0 };
    const run = await interruptRun(
      { scenario, signal, moment, toGroup: false, isRepeated: signal === 'SIGINT' },
      mark,
      path.join(runDirectories, 'run'),
      new AbortController().signal,
    );
    expect(run.problems, run.output).toEqual([]);
    expect(run.wasInterrupted).toBe(true);
    expect(run.thingsThen).toBeGreaterThan(3);
  });
});
