import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'powercut-setup-'));
  mkdirSync(path.join(root, 'tools'));
  mkdirSync(path.join(root, 'harness'));
  copyFileSync(path.join(import.meta.dirname, 'setup.mjs'), path.join(root, 'tools/setup.mjs'));
  plant('package.json', { engines: { node: '>=20.19' } });
  plant('package-lock.json', lockOf({ 'node_modules/a': { version: '1.0.0' } }));
  plant('tsconfig.json', {});
  plant('tsconfig.build.json', { include: ['harness'] });
  writeFileSync(path.join(root, 'harness/one.ts'), 'export const one = 1;\n');
  // Stands for the compiler: it counts how often it is called.
  plantFile(
    'node_modules/typescript/bin/tsc',
    `const fs = require('fs'); fs.mkdirSync('dist', { recursive: true });
     fs.appendFileSync('builds.txt', 'x'); process.exit(fs.existsSync('broken') ? 2 : 0);`,
  );
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function plant(name: string, content: object): void {
  plantFile(name, JSON.stringify(content));
}

function plantFile(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), text);
}

function lockOf(packages: object): object {
  return { packages: { '': { name: 'planted' }, ...packages } };
}

function plantInstalled(packages: object): void {
  plant('node_modules/.package-lock.json', { packages });
}

/** Runs the set-up with a stand-in for npm that says and answers what the test wants. */
async function setUp(
  flags: readonly string[] = [],
  npm = `console.log('npm', ...process.argv.slice(2));`,
): Promise<{ exitCode: number; output: string }> {
  plantFile('npm.cjs', npm);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(root, 'tools/setup.mjs'), ...flags],
      { cwd: tmpdir(), env: { ...process.env, npm_execpath: path.join(root, 'npm.cjs') } },
      (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

describe('the set-up', () => {
  it('refuses a Node that is too old, and says which one it needs', async () => {
    plant('package.json', { engines: { node: '>=99.1' } });
    const { exitCode, output } = await setUp();
    expect(exitCode).toBe(1);
    expect(output).toContain(
      `Node ${process.versions.node} is too old: Powercut needs 99.1 or later`,
    );
  });

  it('installs what the lock file says where nothing is installed', async () => {
    const { exitCode, output } = await setUp();
    expect(exitCode).toBe(0);
    expect(output).toContain('npm ci --ignore-scripts');
  });

  it('installs again when a package is missing or of another version', async () => {
    plantInstalled({});
    expect((await setUp()).output).toContain('npm ci');
    plantInstalled({ 'node_modules/a': { version: '0.9.0' } });
    expect((await setUp()).output).toContain('npm ci');
  });

  it('installs nothing when everything is there but packages for other platforms', async () => {
    const a = { version: '1.0.0' };
    plant(
      'package-lock.json',
      lockOf({ 'node_modules/a': a, 'node_modules/b': { optional: true } }),
    );
    plantInstalled({ 'node_modules/a': a });
    expect(await setUp()).toEqual({ exitCode: 0, output: '' });
  });

  it('says that the registry cannot be reached when it is that', async () => {
    const npm = `console.error('npm error code ENOTFOUND'); process.exit(1);`;
    const { exitCode, output } = await setUp([], npm);
    expect(exitCode).toBe(1);
    expect(output).toContain('npm error code ENOTFOUND');
    expect(output).toContain('registry cannot be reached');
  });
});

describe('the build', () => {
  const builds = (): boolean => existsSync(path.join(root, 'builds.txt'));

  beforeEach(() => {
    plantInstalled({ 'node_modules/a': { version: '1.0.0' } });
  });

  it('runs when it is asked for and a source has changed, and not otherwise', async () => {
    await setUp();
    expect(builds()).toBe(false);
    expect((await setUp(['--build'])).output).toContain('building dist/');
    expect(builds()).toBe(true);
    expect((await setUp(['--build'])).output).toBe('');
    plantFile('harness/one.test.ts', 'a test is not built');
    expect((await setUp(['--build'])).output).toBe('');
    plantFile('harness/one.ts', 'export const one = 2;\n');
    expect((await setUp(['--build'])).output).toContain('building dist/');
  });

  it('fails when the compiler does, and tries again the next time', async () => {
    plantFile('broken', '');
    expect((await setUp(['--build'])).exitCode).toBe(1);
    rmSync(path.join(root, 'broken'));
    expect((await setUp(['--build'])).output).toContain('building dist/');
  });
});
