import { expect, test } from 'vitest';
import { mountOf, parseMountTable } from './mount-table.ts';

const table = parseMountTable(
  [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard',
    '36 22 98:0 /mnt1 /mnt/with\\040space rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue',
    '40 22 0:41 / /home rw - btrfs /dev/sdb1 rw',
    '41 22 0:42 / /home rw - tmpfs tmpfs rw',
    '',
  ].join('\n'),
);

test('a line is read with and without optional fields', () => {
  expect(table[0]).toEqual({
    deviceNumber: '254:0',
    mountPoint: '/',
    fileSystem: 'ext4',
    source: '/dev/vda',
    options: 'rw,relatime,rw,discard',
  });
  expect(table[1]).toMatchObject({ mountPoint: '/mnt/with space', fileSystem: 'ext3' });
});

test('a file lies on the longest mount point above it, and there on the latest mount', () => {
  expect(mountOf(table, '/etc/passwd')?.mountPoint).toBe('/');
  expect(mountOf(table, '/mnt/with space/a')?.mountPoint).toBe('/mnt/with space');
  expect(mountOf(table, '/homeless')?.mountPoint).toBe('/');
  expect(mountOf(table, '/home/a')?.fileSystem).toBe('tmpfs');
  expect(mountOf(table, '/home')?.fileSystem).toBe('tmpfs');
});
