/**
 * The SHA-256 of every file of a run directory, kept in its `SHA256SUMS` as sha256sum(1) writes it:
 * `sha256sum --check SHA256SUMS` finds what was changed, and so does every later reader of evidence.
 * It guards against damage, not against forgery.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { writeWholeFile } from './whole-file.ts';

const digestFile = 'SHA256SUMS';

export class FileDigests {
  readonly #directory: string;
  readonly #digests: Map<string, string>;

  constructor(directory: string) {
    this.#directory = directory;
    this.#digests = readDigests(path.join(directory, digestFile));
  }

  record(name: string, content: Uint8Array | string): void {
    this.#digests.set(name, digestOf(content));
    const lines = [...this.#digests].map(([file, digest]) => `${digest}  ${file}\n`);
    writeWholeFile(path.join(this.#directory, digestFile), lines.join(''));
  }

  /** Throws EVIDENCE_DAMAGED where the content is not what was written, or never was recorded. */
  check(name: string, content: Uint8Array): void {
    const expected = this.#digests.get(name);
    if (expected === digestOf(content)) return;
    const file = path.join(this.#directory, name);
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      expected === undefined
        ? `${file} is not listed in ${digestFile}: the run did not finish it, or the list is damaged`
        : `${file} is damaged: its SHA-256 is ${digestOf(content)}, ${digestFile} says ${expected}`,
    );
  }
}

function digestOf(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A line that is no digest lists nothing: the file it stood for is then not vouched for. */
function readDigests(file: string): Map<string, string> {
  if (!fs.existsSync(file)) return new Map();
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [, digest, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
      return digest === undefined || name === undefined ? [] : [[name, digest] as const];
    }),
  );
}
