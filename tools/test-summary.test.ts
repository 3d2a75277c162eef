import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'powercut-summary-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** A report with one file, whose tests came to these states. */
function summarise(
  file: string,
  states: readonly string[],
  ioUring = true,
): { exitCode: number | null; lines: readonly string[] } {
  const status = states.length === 0 ? 'failed' : 'passed';
  const assertionResults = states.map((state) => ({ fullName: 'a test', status: state }));
  const tests = { testResults: [{ name: file, status, assertionResults }] };
  const checks = [
    { name: 'root', ok: true },
    { name: 'io_uring', ok: ioUring },
  ];
  const files = [plant('tests.json', tests), plant('doctor.json', { checks })];
  const script = path.join(import.meta.dirname, 'test-summary.mjs');
  const result = spawnSync(process.execPath, [script, ...files], { encoding: 'utf8' });
  return { exitCode: result.status, lines: result.stdout.trimEnd().split('\n') };
}

function plant(name: string, content: object): string {
  const file = path.join(directory, name);
  writeFileSync(file, JSON.stringify(content));
  return file;
}

it('ends with one line of true counts', () => {
  const states = ['passed', 'passed', 'skipped', 'pending', 'todo'];
  expect(summarise('a.test.ts', states)).toEqual({
    exitCode: 0,
    lines: ['2 passed, 0 failed, 3 skipped'],
  });
});

it('fails for a failed test, for a file that does not load, and for no tests at all', () => {
  expect(summarise('a.test.ts', ['passed', 'failed'])).toMatchObject({ exitCode: 1 });
  expect(summarise('a.test.ts', [])).toEqual({
    exitCode: 1,
    lines: ['0 passed, 1 failed, 0 skipped'],
  });
  expect(summarise('a.test.ts', ['skipped'])).toMatchObject({ exitCode: 1 });
});

it('fails for a kernel test that was skipped where it could have run', () => {
  const skipped = summarise('a.kernel.test.ts', ['passed', 'skipped']);
  expect(skipped.exitCode).toBe(1);
  expect(skipped.lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped');
  expect(summarise('a.kernel.test.ts', ['passed', 'skipped'], false).exitCode).toBe(0);
});
