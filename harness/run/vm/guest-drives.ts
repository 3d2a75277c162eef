import * as fs from 'node:fs';
import * as path from 'node:path';
import type { GuestDrive } from '../../rigs/vm/qemu-arguments.ts';

/** Logical blocks of 4 KiB: what is smaller is written in parts of them by no file system. */
export function makeDrive(name: string, byteCount: number, folder: string): GuestDrive {
  const file = path.join(folder, name);
  fs.writeFileSync(file, '');
  fs.truncateSync(file, byteCount);
  return {
    name,
    source: { kind: 'file', path: file },
    cache: 'writeback',
    logicalBlockBytes: 4096,
  };
}
