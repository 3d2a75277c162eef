/**
 * Checks of recovered file systems, each distinct one once. A check tool reads metadata: neither free
 * blocks, nor the data of files, nor the contents of a log that has been recovered. So its answer is
 * that of any image with the same metadata, and a digest of the metadata names it.
 */
import { Buffer } from 'node:buffer';
import { HarnessError, type FileSystemRecipe } from '../contract/index.ts';
import { runTool } from '../device/system-tool.ts';
import { addWords, digestText, emptyDigest, unitDigest } from '../drive/digest.ts';
import type { SparseImage } from '../drive/image.ts';
import { Unit } from '../drive/unit.ts';
import type { FileRange } from '../sys/file-calls.ts';
import type { SystemCalls } from '../sys/libc.ts';
import { fileExtents, spaceMap } from '../sys/space-map.ts';
import { layoutOf } from './mounted-layout.ts';

export interface CheckAnswer {
  readonly clean: boolean;
  readonly output: string;
}

/** What of the device a check does not read, gathered while the file system is mounted. */
export class CheckScope {
  readonly #calls: SystemCalls;
  readonly #unread: FileRange[] = [];
  #metadata: readonly FileRange[] | undefined;
  #isKnown = true;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  addFile(fd: number): void {
    if (!this.#isKnown) return;
    const extents = fileExtents(this.#calls, fd);
    if (extents === undefined) this.#isKnown = false;
    else this.#unread.push(...extents);
  }

  addFileSystem(fd: number): void {
    const map = spaceMap(this.#calls, fd);
    if (map === undefined) {
      this.#isKnown = false;
      return;
    }
    this.#metadata = map.filter(({ use }) => use === 'other');
  }

  /**
   * A digest of the metadata of a recovered file system, or undefined where it is not known what is
   * metadata. `changed` are the ranges that the mount has written: what was written counts even where
   * the map, which is older, says that the place is free.
   */
  digest(
    type: string,
    image: SparseImage,
    changed: readonly FileRange[],
    read: (byteOffset: number, target: Uint8Array) => void,
  ): string | undefined {
    if (!this.#isKnown || this.#metadata === undefined) return undefined;
    const { unread, volatile } = layoutOf(type, read);
    const skipped = new UnitSet(image.unitBytes).addWithin([...this.#unread, ...unread]);
    const written = new UnitSet(image.unitBytes).addTouched(changed);
    const wanted = new UnitSet(image.unitBytes).addTouched(this.#metadata).addTouched(changed);
    const masked = new UnitSet(image.unitBytes).addTouched(volatile);
    let sum = emptyDigest;
    for (const index of wanted.indexes) {
      const isMasked = masked.has(index);
      if (skipped.has(index) && !isMasked) continue;
      const unit =
        isMasked || written.has(index)
          ? unitNow(index, image.unitBytes, read, isMasked ? volatile : [])
          : image.readUnit(index);
      sum = addWords(sum, unitDigest(index, unit.hash));
    }
    return digestText(sum);
  }
}

/** The unit as it is on the device, without what every mount changes. */
function unitNow(
  index: number,
  unitBytes: number,
  read: (byteOffset: number, target: Uint8Array) => void,
  volatile: readonly FileRange[],
): Unit {
  const bytes = Buffer.alloc(unitBytes);
  const start = index * unitBytes;
  read(start, bytes);
  for (const { byteOffset, byteCount } of volatile) {
    const from = Math.max(byteOffset - start, 0);
    const to = Math.min(byteOffset + byteCount - start, unitBytes);
    if (from < to) bytes.fill(0, from, to);
  }
  return new Unit(bytes);
}

class UnitSet {
  readonly indexes = new Set<number>();
  readonly #unitBytes: number;

  constructor(unitBytes: number) {
    this.#unitBytes = unitBytes;
  }

  has(index: number): boolean {
    return this.indexes.has(index);
  }

  /** Units of which any byte is in a range. */
  addTouched(ranges: readonly FileRange[]): this {
    for (const { byteOffset, byteCount } of ranges) {
      this.#add(
        Math.floor(byteOffset / this.#unitBytes),
        Math.ceil((byteOffset + byteCount) / this.#unitBytes),
      );
    }
    return this;
  }

  /** Units that lie in a range as a whole. */
  addWithin(ranges: readonly FileRange[]): this {
    for (const { byteOffset, byteCount } of ranges) {
      this.#add(
        Math.ceil(byteOffset / this.#unitBytes),
        Math.floor((byteOffset + byteCount) / this.#unitBytes),
      );
    }
    return this;
  }

  #add(first: number, end: number): void {
    for (let index = first; index < end; index++) this.indexes.add(index);
  }
}

/** Answers kept; beyond that, old ones are asked for again. */
const answersKept = 100_000;
const outputCharactersMax = 4000;

export class CheckMemory {
  readonly #recipe: FileSystemRecipe;
  readonly #answers = new Map<string, CheckAnswer>();
  /** Runs of the tool so far. */
  runs = 0;

  constructor(recipe: FileSystemRecipe) {
    this.#recipe = recipe;
  }

  /** Checks what is on the node, or answers as for the same digest; undefined where there is no tool. */
  async check(node: string, digest: string | undefined): Promise<CheckAnswer | undefined> {
    const { check } = this.#recipe;
    if (check === undefined) return undefined;
    const known = digest === undefined ? undefined : this.#answers.get(digest);
    if (known !== undefined) return known;
    const { program, args } = check(node);
    const { exitCode, output } = await runChecked(program, args);
    this.runs += 1;
    const answer = { clean: this.#recipe.cleanExitCodes.includes(exitCode), output };
    if (this.#answers.size >= answersKept) this.#answers.clear();
    if (digest !== undefined) this.#answers.set(digest, answer);
    return answer;
  }
}

/** Runs a tool of the file system. Throws UNAVAILABLE where it is not installed. */
export async function runChecked(
  program: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const answer = await runTool(program, args);
  if (answer === undefined) {
    throw new HarnessError('UNAVAILABLE', `${program} is not installed: install its package`);
  }
  const { exitCode, stdout, stderr } = answer;
  const output = [stdout, stderr].filter((text) => text !== '').join('\n');
  return { exitCode, output: output.slice(0, outputCharactersMax) };
}
