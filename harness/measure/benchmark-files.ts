import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Every `*.bench.ts` of the project, as absolute paths, in a fixed order. */
export function benchmarkFiles(): readonly string[] {
  return ['harness', 'engines']
    .flatMap((folder) => filesUnder(path.join(projectRoot, folder)))
    .filter((file) => file.endsWith('.bench.ts'))
    .sort();
}

function filesUnder(folder: string): readonly string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name));
}
