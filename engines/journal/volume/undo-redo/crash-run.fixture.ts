import {
  createRandom,
  EngineRefusal,
  type DeviceGeometry,
  type Random,
} from '../../../../harness/contract/index.ts';
import { planCrashStates, type CrashPlan } from '../../../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../../../harness/drive/crash-windows.ts';
import { History } from '../../../../harness/drive/history.ts';
import type { SparseImage } from '../../../../harness/drive/image.ts';
import { createMaterialiser } from '../../../../harness/drive/materialise.ts';
import type { JournalOptions } from '../../config.ts';
import type { Journal } from '../../journal.ts';
import { blockOf, open, twinOn, versionOf, type Twin } from '../../twin.fixture.ts';
import type { Transaction } from '../volume-mode.ts';

/**
 * Runs random transactions, several open at once, that commit or roll back, beside lone writes; cuts the
 * power wherever a drive legally may lose it, and compares what recovery serves with a model. A commit's
 * LSN is its place in the order of all, so the contents after a crash must be those after some prefix
 * of the commits in that order. It must hold every acknowledged one, and each that was on its way may be
 * at its end.
 */
export interface UndoRedoRun {
  readonly history: History;
  readonly commits: readonly ModelCommit[];
  readonly initial: ReadonlyMap<number, number>;
}

interface ModelCommit {
  /** What it makes of each block. */
  readonly versions: ReadonlyMap<number, number>;
  readonly invokedAt: number;
  ackedAt: number;
  /** Infinity until it is known. */
  lsn: number;
}

export interface UndoRedoRunOptions {
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly random: Random;
  readonly stepCount: number;
  readonly writerCount: number;
  readonly firstVersion: number;
  readonly initial: ReadonlyMap<number, number>;
  /** Appended records in between that are not released keep the tail where it is. */
  readonly appends: boolean;
}

export async function runAndRecord(run: UndoRedoRunOptions): Promise<UndoRedoRun> {
  let history: History | undefined;
  const twin = twinOn(run.image, run.geometry, run.random.fork('twin'), (timeline) => {
    history = new History(timeline);
    return history;
  });
  const journal = await open(twin, run.options);
  const driver = new Driver(run, journal, twin, history!);
  await Promise.all(Array.from({ length: run.writerCount }, (_, index) => driver.writeSome(index)));
  const { commits } = driver;
  return { history: history!, commits, initial: run.initial };
}

class Driver {
  readonly commits: ModelCommit[] = [];
  readonly #run: UndoRedoRunOptions;
  readonly #journal: Journal;
  readonly #twin: Twin;
  readonly #history: History;
  readonly #appended: number[] = [];
  #position = 0;
  #steps = 0;
  #version: number;

  constructor(run: UndoRedoRunOptions, journal: Journal, twin: Twin, history: History) {
    this.#run = run;
    this.#journal = journal;
    this.#twin = twin;
    this.#history = history;
    this.#version = run.firstVersion;
  }

  async writeSome(index: number): Promise<void> {
    const draws = this.#run.random.fork(`writer-${index}`);
    while (this.#steps < this.#run.stepCount) {
      this.#steps += 1;
      const kind = draws.below(10);
      if (this.#run.appends && kind === 0) await this.#append(draws);
      else if (kind < 4) await this.#writeAlone(draws);
      else await this.#transact(draws);
      if (draws.chance(1, 10)) await this.#pause(1_500_000);
    }
  }

  /** Some are kept for a while, so that the ring's tail lags, but moves. */
  async #append(draws: Random): Promise<void> {
    const payload = new Uint8Array(draws.below(200));
    const lsn = await this.#journal.append(0x8001, 0, 0, payload).catch(refused);
    if (lsn !== undefined) this.#appended.push(lsn);
    if (this.#appended.length > 3) this.#journal.release(this.#appended.at(-2)!);
    if (lsn === undefined) this.#journal.release(this.#appended.at(-1) ?? 0);
  }

  async #writeAlone(draws: Random): Promise<void> {
    const block = draws.below(this.#journal.blockCount - 3);
    const count = draws.chance(1, 3) ? 1 + draws.below(3) : 1;
    const versions = new Map<number, number>();
    const bytes = new Uint8Array(count * 4096);
    for (let index = 0; index < count; index++) {
      this.#change(versions, block + index, bytes.subarray(index * 4096));
    }
    await this.#commit(versions, () => this.#journal.write(block, bytes));
  }

  async #transact(draws: Random): Promise<void> {
    let transaction: Transaction;
    try {
      transaction = this.#journal.begin();
    } catch (error) {
      refused(error);
      return;
    }
    const versions = new Map<number, number>();
    const count = 1 + draws.below(4);
    for (let index = 0; index < count; index++) {
      const bytes = new Uint8Array(4096);
      const wanted = new Map(versions);
      const block = draws.below(this.#journal.blockCount);
      this.#change(wanted, block, bytes);
      const isTaken = await transaction.write(block, bytes).then(() => true, refused);
      if (isTaken !== true) return transaction.abort().catch(refused);
      versions.set(block, wanted.get(block)!);
      if (draws.chance(1, 4)) await this.#pause(draws.below(800_000));
    }
    if (draws.chance(1, 4)) return transaction.abort().catch(refused);
    await this.#commit(versions, () => transaction.commit());
  }

  #change(versions: Map<number, number>, block: number, target: Uint8Array): void {
    const version = this.#version++;
    target.set(blockOf(block, version));
    versions.set(block, version);
  }

  async #commit(
    versions: ReadonlyMap<number, number>,
    submit: () => Promise<number>,
  ): Promise<void> {
    const commit = { versions, invokedAt: this.#mark(), ackedAt: Infinity, lsn: Infinity };
    this.commits.push(commit);
    const lsn = await submit().catch(refused);
    if (lsn === undefined) this.commits.splice(this.commits.indexOf(commit), 1);
    else Object.assign(commit, { lsn, ackedAt: this.#mark() });
  }

  #mark(): number {
    this.#position += 1;
    this.#history.mark(this.#position);
    return this.#position;
  }

  #pause(delayNs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#twin.timeline.after(delayNs, resolve);
    });
  }
}

/** A refusal has no effect; anything else is an error of the engine. */
function refused(error: unknown): undefined {
  if (!(error instanceof EngineRefusal) || error.reason === 'device-error') throw error;
}

export interface StateResult {
  readonly index: number;
  readonly problem: string | undefined;
  readonly contents: ReadonlyMap<number, number>;
  /** As the crash left it, before recovery. */
  readonly image: SparseImage;
  /** What the recovery did; a crash in the middle of it is a crash state of that. */
  readonly recovery: History;
  /** Blocks that held, in place, what a transaction made of them that never asked to commit. */
  readonly stolenCount: number;
}

export function planOf(history: History, statesMax: number, random: Random): CrashPlan {
  return planCrashStates(history, { statesMax, random });
}

/** Recovers every planned state and says what is wrong with it, if anything. */
export async function* recoverAll(
  run: Pick<UndoRedoRun, 'history' | 'commits' | 'initial'>,
  plan: CrashPlan,
  geometry: DeviceGeometry,
  options: JournalOptions,
): AsyncGenerator<StateResult> {
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) {
    const image = materialiser.images(state)[0]!;
    const recovered = await recoverImage(image.fork(), state.digest, geometry, options, run);
    let { problem } = recovered;
    for (const { window } of ledgerWindowsOf(run.history, state)) {
      problem ??= judge(run, recovered.contents, window.first, window.last);
    }
    const stolenCount = stolenIn(run, image, recovered.dataAt);
    yield { index: state.index, image, stolenCount, ...recovered, problem };
  }
}

/** Recovers one image, and tells the contents that it serves then. */
export async function recoverImage(
  image: SparseImage,
  seed: Parameters<typeof createRandom>[0],
  geometry: DeviceGeometry,
  options: JournalOptions,
  run: Pick<UndoRedoRun, 'commits' | 'initial'>,
): Promise<Pick<StateResult, 'problem' | 'contents' | 'recovery'> & { readonly dataAt: number }> {
  let recovery: History | undefined;
  const twin = twinOn(image, geometry, createRandom(seed), (timeline) => {
    recovery = new History(timeline);
    return recovery;
  });
  try {
    const journal = await open(twin, options);
    const contents = await readContents(journal, blocksOf(run));
    const dataAt = journal.layout.extents.data.byteOffset;
    return { contents, problem: undefined, recovery: recovery!, dataAt };
  } catch (error) {
    const problem = `${(error as Error).name}: ${(error as Error).message}`;
    return { contents: new Map(), problem, recovery: recovery!, dataAt: 0 };
  }
}

function stolenIn(
  { commits, initial }: Pick<UndoRedoRun, 'commits' | 'initial'>,
  image: SparseImage,
  dataAt: number,
): number {
  const known = new Set([0, ...initial.values()]);
  for (const { versions } of commits) for (const version of versions.values()) known.add(version);
  const words = new Uint32Array(1024);
  return blocksOf({ commits, initial }).filter((block) => {
    image.read(dataAt + block * 4096, new Uint8Array(words.buffer));
    const isOurs =
      words[0] === block && words.every((word, index) => index === 0 || word === words[1]);
    return isOurs && !known.has(words[1]!);
  }).length;
}

function blocksOf({ commits, initial }: Pick<UndoRedoRun, 'commits' | 'initial'>): number[] {
  return [
    ...new Set([...initial.keys(), ...commits.flatMap(({ versions }) => [...versions.keys()])]),
  ];
}

/** Version per block; blocks that were never written are left out. */
async function readContents(
  journal: Journal,
  blocks: readonly number[],
): Promise<Map<number, number>> {
  const contents = new Map<number, number>();
  for (const block of blocks) {
    const version = await versionOf(journal, block).catch(() => 0);
    if (version !== 0) contents.set(block, version);
  }
  return contents;
}

function judge(
  { commits, initial }: Pick<UndoRedoRun, 'commits' | 'initial'>,
  contents: ReadonlyMap<number, number>,
  first: number,
  last: number,
): string | undefined {
  const ordered = [...commits].sort((a, b) => a.lsn - b.lsn);
  const acked = ordered.findLastIndex(({ ackedAt }) => ackedAt <= last);
  const expected = new Map(initial);
  const apply = ({ versions }: ModelCommit): void => {
    for (const [block, version] of versions) expected.set(block, version);
  };
  ordered.slice(0, acked + 1).forEach(apply);
  for (let cut = acked; ; cut++) {
    if (isSame(expected, contents)) return undefined;
    const next = ordered[cut + 1];
    if (next === undefined || next.invokedAt > first) break;
    apply(next);
  }
  return `contents of no prefix from commit ${acked}: ${[...contents].join(' ')}`;
}

export function isSame(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([block, version]) => b.get(block) === version);
}
