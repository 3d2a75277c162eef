import * as fs from 'node:fs';
import * as path from 'node:path';

/** Writes beside the target and renames, so that a reader never sees half a file. */
export function writeWholeFile(target: string, content: Uint8Array | string): void {
  fs.mkdirSync(path.dirname(target), { recursive: true });
  const temporary = `${target}.partial`;
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, target);
}
