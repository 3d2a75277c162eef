import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ResourceLedger } from '../resources.ts';
import type { CellContext } from '../run-scenario.ts';

/** Where the console of a cell's machine goes: beside the evidence, for whoever reads it; no verdict rests on it. */
export function consoleFileOf({ directory, id }: CellContext, resources: ResourceLedger): string {
  const folder =
    directory === undefined
      ? resources.makeDirectory('console')
      : path.resolve(directory.path, 'guest');
  fs.mkdirSync(folder, { recursive: true });
  return path.join(folder, `${id}-console.log`);
}
