import * as fs from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { HarnessError, type PluginKind } from '../contract/index.ts';
import { suggestion } from './nearest-name.ts';
import { builtInNames, builtInUrl } from './registry.ts';

/**
 * Finds the module of a plug-in: a built-in name, a path (`./x.js`, `/x.js`, a file URL), or a
 * package as seen from the directory. A path is a URL from then on, since `import()` of a relative
 * path would start from this file.
 */
export function locatePlugin(kind: PluginKind, use: string, directory: string): URL {
  const url = builtInUrl(kind, use) ?? fileOf(use, directory) ?? packageOf(use, directory);
  if (url !== undefined) return url;
  throw new HarnessError('PLUGIN_NOT_FOUND', notFoundMessage(kind, use, directory));
}

export function isPluginPath(use: string): boolean {
  return /^(\.{0,2}\/|file:)/.test(use);
}

function fileOf(use: string, directory: string): URL | undefined {
  if (!isPluginPath(use)) return undefined;
  const url = use.startsWith('file:') ? new URL(use) : pathToFileURL(path.resolve(directory, use));
  return fs.statSync(url, { throwIfNoEntry: false })?.isFile() === true ? url : undefined;
}

/** Resolves by the rules of `require`, and where these see no entry, by the package's `import`. */
function packageOf(use: string, directory: string): URL | undefined {
  if (isBuiltin(use) || !/^(@[\w.-]+\/)?[\w.-]+(\/[\w./-]+)?$/.test(use)) return undefined;
  const require = createRequire(path.join(directory, 'scenario.yaml'));
  try {
    return pathToFileURL(require.resolve(use));
  } catch {
    return importEntryOf(use, require.resolve.paths(use) ?? []);
  }
}

function importEntryOf(packageName: string, folders: readonly string[]): URL | undefined {
  for (const folder of folders) {
    const manifest = path.join(folder, packageName, 'package.json');
    if (!fs.existsSync(manifest)) continue;
    const { exports } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { exports?: unknown };
    const entry = conditionOf(conditionOf(exports, '.') ?? exports, 'import');
    const file = typeof entry === 'string' ? entry : conditionOf(entry, 'default');
    if (typeof file === 'string') return pathToFileURL(path.join(folder, packageName, file));
  }
  return undefined;
}

function conditionOf(exports: unknown, name: string): unknown {
  return typeof exports === 'object' && exports !== null
    ? (exports as Record<string, unknown>)[name]
    : undefined;
}

function notFoundMessage(kind: PluginKind, use: string, directory: string): string {
  if (isPluginPath(use)) {
    return `${kind} "${use}" not found, expected a module file (paths start from ${directory})`;
  }
  const known = builtInNames(kind);
  const expected = known.length === 0 ? '' : `one of ${known.join(', ')}, `;
  return (
    `unknown ${kind} "${use}", expected ${expected}a path that starts with ./ or /, ` +
    `or an installed package${suggestion(use, known)}`
  );
}
