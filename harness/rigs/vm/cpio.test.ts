import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { encodeArchive, withFolders, type ArchiveEntry } from './cpio.ts';

const entries: readonly ArchiveEntry[] = [
  { kind: 'folder', path: 'bin' },
  { kind: 'file', path: 'bin/tool', content: Buffer.from('#!/bin/sh\n'), isExecutable: true },
  { kind: 'link', path: 'bin/sh', target: 'tool' },
  { kind: 'file', path: 'empty', content: new Uint8Array(0) },
];

interface ReadEntry {
  readonly name: string;
  readonly mode: number;
  readonly content: string;
}

/** A reader after the kernel's description of the format, so that the writer is not its own judge. */
function readArchive(archive: Buffer): readonly ReadEntry[] {
  const found: ReadEntry[] = [];
  let at = 0;
  const aligned = (offset: number): number => Math.ceil(offset / 4) * 4;
  for (;;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const fieldStart = at;
    const field = (index: number): number =>
      parseInt(
        archive.toString('latin1', fieldStart + 6 + index * 8, fieldStart + 14 + index * 8),
        16,
      );
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('latin1', at + 110, nameEnd - 1);
    const start = aligned(nameEnd);
    const content = archive.toString('latin1', start, start + field(6));
    at = aligned(start + field(6));
    if (name === 'TRAILER!!!') break;
    found.push({ name, mode: field(1), content });
  }
  expect(at).toBe(archive.byteLength);
  return found;
}

describe('an archive for the kernel', () => {
  it('holds folders, files and links with their modes', () => {
    expect(readArchive(Buffer.from(encodeArchive(entries)))).toEqual([
      { name: 'bin', mode: 0o040_755, content: '' },
      { name: 'bin/tool', mode: 0o100_755, content: '#!/bin/sh\n' },
      { name: 'bin/sh', mode: 0o120_755, content: 'tool' },
      { name: 'empty', mode: 0o100_644, content: '' },
    ]);
  });

  it('is what cpio reads', ({ skip }) => {
    try {
      execFileSync('cpio', ['--version']);
    } catch {
      skip('cpio is not installed');
    }
    const names = execFileSync('cpio', ['--list', '--quiet'], { input: encodeArchive(entries) });
    expect(names.toString().trim().split('\n')).toEqual(entries.map(({ path }) => path));
  });

  it('is the same for the same entries', () => {
    expect(encodeArchive(entries)).toEqual(encodeArchive(entries));
  });

  it('has every folder before what is in it, once', () => {
    const file = (path: string): ArchiveEntry => ({
      kind: 'file',
      path,
      content: Buffer.from('x'),
    });
    const paths = withFolders([file('a/b/c'), file('a/d'), file('e')]).map(({ path }) => path);
    expect(paths).toEqual(['a', 'a/b', 'a/b/c', 'a/d', 'e']);
  });
});
