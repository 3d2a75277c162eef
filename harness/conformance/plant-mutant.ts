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

/**
 * Plants the patch of that name; undefined plants nothing: the control that must pass. Tests that run
 * at the same time name their copies apart.
 */
export function plantMutant(
  engineFolder: string,
  adapter: string,
  patchName: string | undefined,
  copySuffix = '',
): PlantedMutant {
  if (patchName === undefined) {
    return plantPatch(engineFolder, adapter, `control${copySuffix}`, undefined);
  }
  const patchText = fs.readFileSync(path.join(patchFolder, `${patchName}.patch`), 'utf8');
  return plantPatch(engineFolder, adapter, `${patchName}${copySuffix}`, patchText);
}

export function plantPatch(
  engineFolder: string,
  adapter: string,
  name: string,
  patchText: string | undefined,
): PlantedMutant {
  const copyRoot = path.join(projectRoot, '.cache', 'mutants', name);
  fs.rmSync(copyRoot, { recursive: true, force: true });
  const copy = path.join(copyRoot, engineFolder);
  fs.cpSync(path.join(projectRoot, engineFolder), copy, { recursive: true });
  // The copy imports the contract as the original does: by its place in the tree.
  fs.symlinkSync(path.join(projectRoot, 'harness'), path.join(copyRoot, 'harness'));
  const changedFiles = patchText === undefined ? [] : applyPatches(copyRoot, name, patchText);
  return { adapterUrl: pathToFileURL(path.join(copy, adapter)).href, changedFiles };
}

function applyPatches(copyRoot: string, name: string, patchText: string): readonly string[] {
  const patches = parsePatch(patchText).filter(({ hunks }) => hunks.length > 0);
  if (patches.length === 0) {
    throw new HarnessError('EVIDENCE_DAMAGED', `the patch of ${name} holds no change`);
  }
  return patches.map((patch) => applyToFile(copyRoot, name, patch));
}

function applyToFile(copyRoot: string, mutant: string, patch: StructuredPatch): string {
  const name = patch.newFileName.replace(/^b\//, '');
  const target = path.join(copyRoot, name);
  const before = fs.readFileSync(target, 'utf8');
  const after = applyPatch(before, patch, { fuzzFactor: 0 });
  if (after === false || after === before) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `the patch of ${mutant} does not apply to ${name} any more: ` +
        'write it again against the source as it is now',
    );
  }
  fs.writeFileSync(target, after);
  return name;
}
