import * as path from 'node:path';
import { importsOf } from './import-rule.ts';

/**
 * ARCHITECTURE.md names the few files that a reader must open to follow a write to its
 * acknowledgement, and a crash image to its verdict. This keeps the lists short and true.
 */
const filesMax = 6;

interface Step {
  readonly file: string;
  /** The interface of the contract by which the step before reaches this one: a plug-in seam. */
  readonly seam: string | undefined;
}

interface Trail {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** Reads the numbered lists of "The house test"; `read` answers undefined for a missing file. */
export function houseProblems(
  architecture: string,
  read: (file: string) => string | undefined,
): readonly string[] {
  const trails = parseTrails(architecture);
  if (trails.length !== 2) return [`ARCHITECTURE.md has ${trails.length} trails, expected 2`];
  return trails.flatMap((trail) => [
    ...lengthProblems(trail),
    ...(missingFiles(trail, read).length > 0
      ? missingFiles(trail, read)
      : brokenLinks(trail, read)),
  ]);
}

/**
 * A trail is a heading of the third level with a numbered list whose items begin with a file name in
 * backquotes; ``(through `X`)`` says that the step is reached by the interface X of the contract.
 */
export function parseTrails(architecture: string): readonly Trail[] {
  const [, section = ''] =
    /^## The house test$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(architecture) ?? [];
  return section
    .split(/^### /m)
    .slice(1)
    .map((text) => ({
      title: text.split('\n')[0]!,
      steps: [...text.matchAll(/^\d+\. `([^`]+)`(?: \(through `(\w+)`\))?/gm)].map((match) => ({
        file: match[1]!,
        seam: match[2],
      })),
    }));
}

function lengthProblems({ title, steps }: Trail): string[] {
  if (steps.length >= 2 && steps.length <= filesMax) return [];
  return [`"${title}" has ${steps.length} files, expected 2 to ${filesMax}`];
}

function missingFiles({ steps }: Trail, read: (file: string) => string | undefined): string[] {
  return steps
    .filter(({ file }) => read(file) === undefined)
    .map(({ file }) => `ARCHITECTURE.md names ${file}, which does not exist`);
}

/** Every file after the first must be reached from one before it, as a reader follows the calls. */
function brokenLinks({ steps }: Trail, read: (file: string) => string | undefined): string[] {
  return steps
    .filter((step, index) => index > 0 && !isReached(step, steps.slice(0, index), read))
    .map(({ file, seam }) =>
      seam === undefined
        ? `${file} is imported by none of the files that ARCHITECTURE.md names before it`
        : `${file} shares ${seam} with none of the files that ARCHITECTURE.md names before it`,
    );
}

function isReached(
  step: Step,
  before: readonly Step[],
  read: (file: string) => string | undefined,
): boolean {
  return before.some(({ file }) => {
    const source = read(file) ?? '';
    if (step.seam !== undefined) return uses(source, step.seam) && uses(read(step.file), step.seam);
    const folder = path.posix.dirname(file);
    return importsOf(source).some((target) => path.posix.join(folder, target) === step.file);
  });
}

function uses(source: string | undefined, name: string): boolean {
  return source !== undefined && new RegExp(String.raw`\b${name}\b`).test(source);
}
