import { crc32c } from '@node-rs/crc32';
import { createRandom, type DeviceGeometry, type Random } from '../../harness/contract/index.ts';
import { planCrashStates, type CrashPlan } from '../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../harness/drive/crash-windows.ts';
import { History } from '../../harness/drive/history.ts';
import type { SparseImage } from '../../harness/drive/image.ts';
import { createMaterialiser } from '../../harness/drive/materialise.ts';
import type { JournalOptions } from './config.ts';
import type { Journal } from './journal.ts';
import { blockOf, open, readBlock, twinOn } from './twin.fixture.ts';

/**
 * As crash-run.fixture.ts, for modes that promise a block only what was flushed. Each writer has
 * blocks of its own, so that the versions of a block follow each other. After a crash a block whose
 * newest write was flushed must hold it; of any other the model says which versions it may hold, and
 * counts where it holds something else: the contract may allow even that. Appended records are
 * durable when they are acknowledged in every mode.
 */
export interface FlushedRun {
  readonly history: History;
  readonly writes: readonly ModelWrite[];
  readonly flushes: readonly Span[];
  readonly appends: readonly ModelAppend[];
  /** CRC of each block before the first write. */
  readonly initial: ReadonlyMap<number, number>;
}

interface Span {
  readonly invokedAt: number;
  ackedAt: number;
}

interface ModelWrite extends Span {
  readonly blocks: readonly number[];
  readonly version: number;
}

interface ModelAppend extends Span {
  readonly text: string;
}

export interface FlushedRunOptions {
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly random: Random;
  readonly operationCount: number;
  readonly firstVersion: number;
}

const writerCount = 4;
const blocksPerWriter = 8;
const modelBlocks = writerCount * blocksPerWriter;

export async function runFlushed(run: FlushedRunOptions): Promise<FlushedRun> {
  let history: History | undefined;
  const twin = twinOn(run.image, run.geometry, run.random.fork('twin'), (timeline) => {
    history = new History(timeline);
    return history;
  });
  const journal = await open(twin, run.options);
  const initial = await contentsOf(journal);
  const draws = run.random.fork('operations');
  const writes: ModelWrite[] = [];
  const flushes: Span[] = [];
  const appends: ModelAppend[] = [];
  let position = 0;
  const mark = (): number => {
    position += 1;
    history!.mark(position);
    return position;
  };
  // Records that nobody releases hold the ring's tail: they come when little more is to follow.
  const perWriter = run.operationCount / writerCount;
  const lateFrom = perWriter * 0.8;
  const writer = async (index: number): Promise<void> => {
    for (let count = 0; count < perWriter; count++) {
      const span = { invokedAt: mark(), ackedAt: Infinity };
      const kind = draws.below(10);
      if (kind === 0) {
        flushes.push(span);
        await journal.flush();
      } else if (kind === 1 && count >= lateFrom) {
        const append = { ...span, text: `${run.firstVersion} ${index} ${count}` };
        appends.push(append);
        await journal.append(0x8001, 0, 0, Buffer.from(append.text));
        append.ackedAt = mark();
        continue;
      } else {
        const write = { ...span, ...drawWrite(draws, index), version: run.firstVersion + position };
        writes.push(write);
        await submit(journal, write);
        write.ackedAt = mark();
        continue;
      }
      span.ackedAt = mark();
    }
  };
  await Promise.all(Array.from({ length: writerCount }, (_, index) => writer(index)));
  return { history: history!, writes, flushes, appends, initial };
}

function drawWrite(random: Random, writer: number): { readonly blocks: readonly number[] } {
  const first = random.below(blocksPerWriter);
  const count = Math.min(1 + random.below(3), blocksPerWriter - first);
  return {
    blocks: Array.from({ length: count }, (_, index) => writer * blocksPerWriter + first + index),
  };
}

async function submit(journal: Journal, { blocks, version }: ModelWrite): Promise<void> {
  const bytes = new Uint8Array(blocks.length * 4096);
  blocks.forEach((block, index) => {
    bytes.set(blockOf(block, version), index * 4096);
  });
  await journal.write(blocks[0]!, bytes);
}

async function contentsOf(journal: Journal): Promise<Map<number, number>> {
  const contents = new Map<number, number>();
  for (let block = 0; block < modelBlocks; block++) {
    contents.set(block, crc32c(await readBlock(journal, block)));
  }
  return contents;
}

export function planFlushed(run: FlushedRun, statesMax: number, random: Random): CrashPlan {
  return planCrashStates(run.history, { statesMax, random });
}

export interface FlushedState {
  readonly index: number;
  readonly problem: string | undefined;
  /** Blocks that hold no version of theirs that was ever on its way, nor what was there before. */
  readonly exposedBlocks: number;
  /** Blocks whose newest acknowledged write is gone. */
  readonly lostBlocks: number;
  readonly image: SparseImage;
}

export async function* recoverFlushed(
  run: FlushedRun,
  plan: CrashPlan,
  geometry: DeviceGeometry,
  options: JournalOptions,
): AsyncGenerator<FlushedState> {
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) {
    const image = materialiser.images(state)[0]!;
    const twin = twinOn(image.fork(), geometry, createRandom(state.digest));
    const judged = { problem: undefined as string | undefined, exposedBlocks: 0, lostBlocks: 0 };
    try {
      const journal = await open(twin, options);
      const contents = await contentsOf(journal);
      const log = await textsOf(journal);
      for (const { window } of ledgerWindowsOf(run.history, state)) {
        judgeBlocks(run, contents, window, judged);
        judged.problem ??= missingAppend(run, log, window.last);
      }
    } catch (error) {
      judged.problem = String(error);
    }
    yield { index: state.index, ...judged, image };
  }
}

async function textsOf(journal: Journal): Promise<Set<string>> {
  const texts = new Set<string>();
  for await (const { payload } of journal.replay()) texts.add(Buffer.from(payload).toString());
  return texts;
}

function missingAppend(
  { appends }: FlushedRun,
  log: Set<string>,
  last: number,
): string | undefined {
  const missing = appends.find(({ text, ackedAt }) => ackedAt <= last && !log.has(text));
  return missing && `the record "${missing.text}" is gone`;
}

function judgeBlocks(
  run: FlushedRun,
  contents: ReadonlyMap<number, number>,
  { first, last }: { readonly first: number; readonly last: number },
  judged: { problem: string | undefined; exposedBlocks: number; lostBlocks: number },
): void {
  for (const [block, found] of contents) {
    const writes = run.writes.filter(({ blocks }) => blocks.includes(block));
    const owed = writes.findLastIndex(({ ackedAt }) => isFlushed(run, ackedAt, last));
    const invoked = writes.findLastIndex(({ invokedAt }) => invokedAt <= first);
    const acked = writes.findLastIndex(({ ackedAt }) => ackedAt <= last);
    const versions = [
      run.initial.get(block)!,
      ...writes.map(({ version }) => crc32c(blockOf(block, version))),
    ];
    const legal = versions.slice(owed + 1, invoked + 2);
    if (invoked === owed && found !== versions[owed + 1]) {
      judged.problem ??= `block ${block} does not hold what was flushed`;
    }
    if (!legal.includes(found)) judged.exposedBlocks += 1;
    if (!versions.slice(acked + 1).includes(found)) judged.lostBlocks += 1;
  }
}

function isFlushed({ flushes }: FlushedRun, ackedAt: number, last: number): boolean {
  return flushes.some((flush) => flush.invokedAt > ackedAt && flush.ackedAt <= last);
}
