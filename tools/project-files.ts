import * as fs from 'node:fs';
import * as path from 'node:path';

export const projectRoot = path.resolve(import.meta.dirname, '..');

/** What .gitignore keeps out, and git's own folder. */
const ignored = new Set(['.git', 'node_modules', 'dist', '.cache', 'results', 'coverage']);

/** The entries at the top of the project, folders with a slash at the end. */
export function topLevelEntries(): readonly string[] {
  return fs
    .readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name) && !entry.name.endsWith('.log'))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
}

/** Every file of the project, from its root, with forward slashes. */
export function projectFiles(): readonly string[] {
  return filesUnder('');
}

function filesUnder(folder: string): string[] {
  return fs
    .readdirSync(path.join(projectRoot, folder), { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name))
    .flatMap((entry) => {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(name) : [name];
    });
}

export function readProjectFile(name: string): string {
  return fs.readFileSync(path.join(projectRoot, name), 'utf8');
}

export function existsInProject(name: string): boolean {
  return fs.existsSync(path.join(projectRoot, name));
}

export function isSource(name: string): boolean {
  return /\.tsx?$/.test(name);
}

export function isTest(name: string): boolean {
  return /\.test\.tsx?$/.test(name);
}

/** What only tests use: nothing that ships may import it. */
export function isFixture(name: string): boolean {
  return /\.fixture\.tsx?$/.test(name);
}

export function isBenchmark(name: string): boolean {
  return name.endsWith('.bench.ts');
}
