/**
 * Plants a known durability bug: copies an engine, applies a small source patch to the copy, and
 * answers where the copy's module is. The engine itself carries no bug switches. A patch that no
 * longer applies to the letter, or changes nothing, is an error: a mutant that was not really planted
 * would be a control that cannot fail.
 */
import { applyPatch, parsePatch, type StructuredPatch } from 'diff';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HarnessError } from '../contract/index.ts';

const projectRoot = fileURLToPath(new URL('../../', import.meta.url));
const patchFolder = fileURLToPath(new URL('./mutants/', import.meta.url));

export interface PlantedMutant {
  /** Module URL of the engine adapter of the copy. */
  readonly adapterUrl: string;
  readonly changedFiles: readonly string[];
}

/** `patchName` without its ending; undefined plants nothing: the control that must pass. */
export function plantMutant(
  engineFolder: string,
  adapter: string,
  patchName: string | undefined,
): PlantedMutant {
  const copyRoot = path.join(projectRoot, '.cache', 'mutants', patchName ?? 'control');
  fs.rmSync(copyRoot, { recursive: true, force: true });
  const copy = path.join(copyRoot, engineFolder);
  fs.cpSync(path.join(projectRoot, engineFolder), copy, { recursive: true });
  // The copy imports the contract as the original does: by its place in the tree.
  fs.symlinkSync(path.join(projectRoot, 'harness'), path.join(copyRoot, 'harness'));
  const changedFiles = patchName === undefined ? [] : applyPatches(copyRoot, patchName);
  return { adapterUrl: pathToFileURL(path.join(copy, adapter)).href, changedFiles };
}

function applyPatches(copyRoot: string, patchName: string): readonly string[] {
  const patchFile = path.join(patchFolder, `${patchName}.patch`);
  const patches = parsePatch(fs.readFileSync(patchFile, 'utf8'));
  if (patches.length === 0) {
    throw new HarnessError('EVIDENCE_DAMAGED', `${patchFile} holds no patch`);
  }
  return patches.map((patch) => applyToFile(copyRoot, patchFile, patch));
}

function applyToFile(copyRoot: string, patchFile: string, patch: StructuredPatch): string {
  const name = patch.newFileName.replace(/^b\//, '');
  const target = path.join(copyRoot, name);
  const before = fs.readFileSync(target, 'utf8');
  const after = applyPatch(before, patch, { fuzzFactor: 0 });
  if (after === false || after === before) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `${path.basename(patchFile)} does not apply to ${name} any more: ` +
        'write it again against the source as it is now',
    );
  }
  fs.writeFileSync(target, after);
  return name;
}
