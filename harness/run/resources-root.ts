import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';

/** Where resource files and temporary directories live: never on a device under test. */
export function temporaryRoot(): string {
  return path.join(os.tmpdir(), 'powercut');
}

/** Throws DEVICE_REFUSED where the directory is another user's: what it lists cannot be trusted. */
export function makeTemporaryRoot(): void {
  const root = temporaryRoot();
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });
  assertOwnRoot(root);
}

/** Throws as `makeTemporaryRoot` does. */
export function assertOwnRoot(root: string): void {
  const found = fs.lstatSync(root);
  const isOwn = process.getuid === undefined || found.uid === process.getuid();
  if (found.isDirectory() && isOwn) return;
  throw new HarnessError(
    'DEVICE_REFUSED',
    `${root} is not a directory of this user: remove it, or set TMPDIR to another directory`,
  );
}
