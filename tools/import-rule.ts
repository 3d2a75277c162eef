import * as path from 'node:path';
import { isBenchmark, isFixture, isSource, isTest } from './project-files.ts';

/**
 * Folder of harness/ → the folders of harness/ that its files may import, beside its own. What a
 * folder does not list, it cannot depend on: so run/ does not know the command line, nothing knows a
 * plug-in, and the ledger does not know the engine that it keeps watch over.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  sys: ['contract'],
  ledger: ['contract'],
  measure: ['contract'],
  drive: ['contract', 'ledger'],
  device: ['contract', 'sys'],
  verify: ['contract', 'ledger'],
  fio: ['contract', 'ledger', 'sys', 'device', 'measure'],
  rigs: ['contract', 'drive', 'device', 'sys', 'ledger'],
  run: ['contract', 'drive', 'device', 'ledger', 'verify', 'measure', 'rigs'],
  conformance: ['contract', 'drive', 'device', 'ledger', 'verify', 'measure', 'rigs', 'run'],
  cli: ['contract', 'device', 'measure', 'fio', 'verify', 'rigs', 'run', 'conformance'],
};

/** A plug-in knows the harness by this file alone. */
const contractIndex = 'harness/contract/index.ts';

/**
 * What is wrong with the relative imports of one file. Tests, their fixtures, benchmarks and tools/ may import
 * anything of the project but tests; everything else keeps to the table, and a plug-in to the contract, its own
 * folder and the named files that lie directly in the folder of its layer.
 */
export function importProblems(file: string, source: string): readonly string[] {
  return importsOf(source)
    .map((specifier) => path.posix.join(path.posix.dirname(file), specifier))
    .filter((target) => !isAllowed(file, target))
    .map((target) => `${file} must not import ${target}`);
}

/**
 * Relative specifiers of static and dynamic imports, re-exports and `new URL(…, import.meta.url)`, as
 * far as they name sources.
 */
export function importsOf(source: string): readonly string[] {
  const pattern = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*['"](\.{1,2}\/[^'"]*)['"]/g;
  return [...source.matchAll(pattern)].map((match) => match[1]!).filter(isSource);
}

function isAllowed(file: string, target: string): boolean {
  if (isTest(target)) return false;
  if (isTest(file) || isFixture(file) || isBenchmark(file)) return true;
  if (file.startsWith('tools/')) return true;
  if (isFixture(target)) return false;
  const home = homeOf(file);
  if (target.startsWith(`${home}/`)) return true;
  const [top, folder = ''] = home.split('/');
  if (top !== 'harness') return target === contractIndex || isLayerFile(home, target);
  const [targetTop, targetFolder = ''] = target.split('/');
  return targetTop === 'harness' && (mayImport[folder] ?? []).includes(targetFolder);
}

/** The folder whose files may import each other: `harness/drive`, `faults/drive/bit-rot`. */
function homeOf(file: string): string {
  const depth = file.startsWith('faults/') ? 3 : 2;
  const folders = path.posix.dirname(file).split('/');
  return folders.slice(0, depth).join('/');
}

/** `faults/drive/drive-fault.ts` for `faults/drive/bit-rot`: shared by the plug-ins of one layer. */
function isLayerFile(home: string, target: string): boolean {
  return path.posix.dirname(target) === path.posix.dirname(home);
}
