// Goal: a tree is read back as a whole, and what cannot be read is named and does not stop the reading.
// Method: small trees in a temporary directory.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readTree, treeLimits } from './mounted-tree.ts';

let root = '';

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-tree-'));
});
afterEach(() => {
  fs.rmSync(root, { recursive: true });
});

function at(name: string): string {
  return path.join(root, name);
}

it('names files, their links and contents, directories and symbolic links', () => {
  fs.mkdirSync(at('a/b'), { recursive: true });
  fs.writeFileSync(at('a/file'), 'content');
  fs.linkSync(at('a/file'), at('a/b/other'));
  fs.symlinkSync('nowhere', at('link'));
  fs.writeFileSync(at('empty'), '');
  const tree = readTree(root);
  expect([...tree.keys()].sort()).toEqual(['a', 'a/b', 'a/b/other', 'a/file', 'empty', 'link']);
  const file = tree.get('a/file');
  expect(file).toMatchObject({
    kind: 'file',
    links: 2,
    content: new TextEncoder().encode('content'),
  });
  expect(tree.get('a/b/other')).toEqual(file);
  expect(tree.get('a')).toMatchObject({ kind: 'directory' });
  expect(tree.get('link')).toEqual({ kind: 'symlink', target: 'nowhere' });
  expect(tree.get('empty')).toMatchObject({ content: new Uint8Array() });
});

it('shows each regular file while it is open', () => {
  fs.writeFileSync(at('file'), 'x');
  const inodes: number[] = [];
  readTree(root, (fd) => inodes.push(fs.fstatSync(fd).ino));
  expect(inodes).toEqual([fs.statSync(at('file')).ino]);
});

it('does not read without an end what a damaged file system may show', () => {
  fs.writeFileSync(at('large'), '');
  fs.truncateSync(at('large'), 2000);
  fs.mkdirSync(at('d/d/d'), { recursive: true });
  const tree = readTree(root, undefined, { ...treeLimits, fileBytesMax: 1999, depthMax: 2 });
  expect(tree.get('large')).toEqual({ kind: 'unreadable', errno: 'EFBIG' });
  expect(tree.get('d/d')).toEqual({ kind: 'unreadable', errno: 'ELOOP' });
  const few = readTree(root, undefined, { ...treeLimits, entriesMax: 1 });
  expect([...few.values()]).toContainEqual({ kind: 'unreadable', errno: 'EOVERFLOW' });
});

it('fails only where the root cannot be listed', () => {
  expect(() => readTree(at('missing'))).toThrow(/ENOENT/);
});
