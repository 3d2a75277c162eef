// Goal: every operation does what its name says, with the bytes that the ledger expects, and a failure
// is an answer. Method: a temporary directory on whatever file system this machine has.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileOp, FileOutcome, SyncPolicy } from '../contract/index.ts';
import { fillFileBytes } from '../ledger/file-pattern.ts';
import { loadSystemCalls } from '../sys/libc.ts';
import { FileOps } from './file-ops.ts';

const loaded = await loadSystemCalls();
const seed = 5;
const done: FileOutcome = { status: 'acknowledged' };
let root = '';

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-ops-'));
});
afterEach(() => {
  fs.rmSync(root, { recursive: true });
});

function opsUnder(syncPolicy: SyncPolicy = 'fsync'): FileOps {
  if (!loaded.available) throw new Error(loaded.reason);
  return new FileOps({ calls: loaded.calls, root, seed, syncPolicy });
}

function performAll(ops: readonly FileOp[], syncPolicy?: SyncPolicy): FileOutcome[] {
  const driver = opsUnder(syncPolicy);
  return ops.map((op, index) => driver.perform(index + 1, op));
}

function bytesOf(op: number, byteOffset: number, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  fillFileBytes(bytes, { seed, op, byteOffset });
  return bytes;
}

describe.runIf(loaded.available)('file operations', () => {
  it('write the bytes of their id and place', () => {
    const outcomes = performAll([
      { kind: 'create', path: 'f' },
      { kind: 'write', path: 'f', byteOffset: 100, byteCount: 50 },
      { kind: 'append', path: 'f', byteCount: 30 },
      { kind: 'write', path: 'f', byteOffset: 120, byteCount: 10 },
    ]);
    expect(outcomes).toEqual([done, done, done, done]);
    const expected = Buffer.concat([
      Buffer.alloc(100),
      bytesOf(2, 100, 20),
      bytesOf(4, 120, 10),
      bytesOf(2, 130, 20),
      bytesOf(3, 150, 30),
    ]);
    expect(fs.readFileSync(path.join(root, 'f')).equals(expected)).toBe(true);
  });

  it('truncate, allocate and punch', () => {
    const outcomes = performAll([
      { kind: 'create', path: 'f' },
      { kind: 'write', path: 'f', byteOffset: 0, byteCount: 8192 },
      { kind: 'punch', path: 'f', byteOffset: 4096, byteCount: 4096 },
      { kind: 'allocate', path: 'f', byteOffset: 8192, byteCount: 4096, keepSize: true },
      { kind: 'allocate', path: 'f', byteOffset: 8192, byteCount: 100, keepSize: false },
      { kind: 'truncate', path: 'f', byteCount: 8250 },
    ]);
    expect(outcomes).toEqual(outcomes.map(() => done));
    const expected = Buffer.concat([bytesOf(2, 0, 4096), Buffer.alloc(4096 + 58)]);
    expect(fs.readFileSync(path.join(root, 'f')).equals(expected)).toBe(true);
  });

  it('change names', () => {
    performAll([
      { kind: 'mkdir', path: 'd' },
      { kind: 'create', path: 'd/a' },
      { kind: 'link', path: 'd/a', to: 'b' },
      { kind: 'rename', path: 'b', to: 'd/c' },
      { kind: 'symlink', path: 's', target: 'd/a' },
      { kind: 'unlink', path: 'd/a' },
      { kind: 'mkdir', path: 'e' },
      { kind: 'rmdir', path: 'e' },
    ]);
    expect(fs.readdirSync(root).sort()).toEqual(['d', 's']);
    expect(fs.readdirSync(path.join(root, 'd'))).toEqual(['c']);
    expect(fs.readlinkSync(path.join(root, 's'))).toBe('d/a');
  });

  it.each(['fsync', 'fdatasync', 'dsync', 'sync-file-range', 'none'] as const)(
    'sync files, directories and everything under the policy %s',
    (policy) => {
      const outcomes = performAll(
        [
          { kind: 'create', path: 'f' },
          { kind: 'append', path: 'f', byteCount: 10 },
          { kind: 'fsync', path: 'f' },
          { kind: 'fdatasync', path: 'f' },
          { kind: 'sync-file-range', path: 'f' },
          { kind: 'fsync', path: '' },
          { kind: 'sync' },
        ],
        policy,
      );
      expect(outcomes).toEqual(outcomes.map(() => done));
    },
  );

  it('answer with the errno when they fail', () => {
    const outcomes = performAll([
      { kind: 'create', path: 'f' },
      { kind: 'create', path: 'f' },
      { kind: 'write', path: 'none', byteOffset: 0, byteCount: 1 },
      { kind: 'fsync', path: 'none' },
      { kind: 'rmdir', path: 'f' },
      { kind: 'punch', path: 'f', byteOffset: 0, byteCount: 0 },
    ]);
    expect(outcomes.slice(1)).toEqual(
      ['EEXIST', 'ENOENT', 'ENOENT', 'ENOTDIR', 'EINVAL'].map((errno) => ({
        status: 'failed',
        errno,
      })),
    );
  });

  it('never leave the root', () => {
    expect(() => opsUnder().perform(1, { kind: 'unlink', path: '../x' })).toThrow(/below the root/);
    expect(() => opsUnder().perform(1, { kind: 'unlink', path: '/x' })).toThrow(/below the root/);
  });
});
