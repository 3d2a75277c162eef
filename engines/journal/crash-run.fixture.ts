import {
  createRandom,
  type DeviceGeometry,
  type EngineRefusal,
  type Random,
} from '../../harness/contract/index.ts';
import { planCrashStates, type CrashPlan } from '../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../harness/drive/crash-windows.ts';
import { History } from '../../harness/drive/history.ts';
import type { SparseImage } from '../../harness/drive/image.ts';
import { createMaterialiser } from '../../harness/drive/materialise.ts';
import type { JournalOptions } from './config.ts';
import type { Journal } from './journal.ts';
import { blockOf, open, twinOn, versionOf, type Twin } from './twin.fixture.ts';

/**
 * Runs random operations on a journal, cuts the power wherever a drive legally may lose it, and
 * compares what recovery serves with a model. Operations take effect in the order of submission, so
 * the contents after a crash must be those after some prefix of them that holds every acknowledged
 * one: nothing lost, no hole, no half of an operation.
 */
export interface CrashRun {
  readonly history: History;
  readonly operations: readonly ModelOperation[];
  /** Contents before the first operation: version per block. */
  readonly initial: ReadonlyMap<number, number>;
}

interface ModelOperation {
  readonly version: number;
  readonly blocks: readonly number[];
  readonly invokedAt: number;
  ackedAt: number;
}

export interface CrashRunOptions {
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly random: Random;
  readonly operationCount: number;
  readonly queueDepth: number;
  readonly firstVersion: number;
  readonly initial: ReadonlyMap<number, number>;
}

export async function runAndRecord(run: CrashRunOptions): Promise<CrashRun & { twin: Twin }> {
  let history: History | undefined;
  const twin = twinOn(run.image, run.geometry, run.random.fork('twin'), (timeline) => {
    history = new History(timeline);
    return history;
  });
  const journal = await open(twin, run.options);
  const operations: ModelOperation[] = [];
  const draws = run.random.fork('operations');
  let position = 0;
  const mark = (): number => {
    position += 1;
    history!.mark(position);
    return position;
  };
  const writer = async (): Promise<void> => {
    while (operations.length < run.operationCount) {
      const version = run.firstVersion + operations.length;
      const blocks = drawBlocks(draws, journal.blockCount);
      const operation = { version, blocks, invokedAt: mark(), ackedAt: Infinity };
      operations.push(operation);
      await submit(journal, draws, blocks, version);
      operation.ackedAt = mark();
      if (draws.chance(1, 20)) await pause(twin, 2_000_000);
    }
  };
  await Promise.all(Array.from({ length: run.queueDepth }, writer));
  return { history: history!, operations, initial: run.initial, twin };
}

function pause({ timeline }: Twin, delayNs: number): Promise<void> {
  return new Promise((resolve) => {
    timeline.after(delayNs, resolve);
  });
}

/** One block, a few in a row, or some apart. */
function drawBlocks(random: Random, blockCount: number): number[] {
  const kind = random.below(10);
  const first = random.below(blockCount);
  if (kind < 6) return [first];
  if (kind < 8) {
    const count = Math.min(1 + random.below(5), blockCount - first);
    return Array.from({ length: count }, (_, index) => first + index);
  }
  const blocks = Array.from({ length: 1 + random.below(6) }, () => random.below(blockCount));
  return [...new Set(blocks)];
}

function submit(
  journal: Journal,
  random: Random,
  blocks: readonly number[],
  version: number,
): Promise<number> {
  const isRun = blocks.every((block, index) => block === blocks[0]! + index);
  if (isRun && random.chance(4, 5)) {
    const bytes = new Uint8Array(blocks.length * 4096);
    blocks.forEach((block, index) => {
      bytes.set(blockOf(block, version), index * 4096);
    });
    return journal.write(blocks[0]!, bytes);
  }
  return journal.transaction(blocks.map((block) => ({ block, data: blockOf(block, version) })));
}

export function planOf(run: CrashRun, statesMax: number, random: Random): CrashPlan {
  return planCrashStates(run.history, { statesMax, random });
}

export interface StateResult {
  readonly index: number;
  readonly problem: string | undefined;
  /** Contents that recovery served. */
  readonly contents: Map<number, number>;
  /** As the crash left it, before recovery. */
  readonly image: SparseImage;
}

/** Recovers every planned state and says what is wrong with it, if anything. */
export async function* recoverAll(
  run: CrashRun,
  plan: CrashPlan,
  geometry: DeviceGeometry,
  options: JournalOptions,
): AsyncGenerator<StateResult> {
  const materialiser = createMaterialiser(plan);
  const blocks = blocksOf(run);
  for (const state of plan.states) {
    const image = materialiser.images(state)[0]!;
    const twin = twinOn(image.fork(), geometry, createRandom(state.digest));
    let contents = new Map<number, number>();
    let problem: string | undefined;
    try {
      const journal = await open(twin, options);
      contents = await readContents(journal, blocks);
      for (const { window } of ledgerWindowsOf(run.history, state)) {
        problem ??= judge(run, contents, window.first, window.last);
      }
    } catch (error) {
      problem = `${(error as EngineRefusal).name}: ${(error as Error).message}`;
    }
    yield { index: state.index, problem, contents, image };
  }
}

export function blocksOf({ operations, initial }: CrashRun): number[] {
  return [...new Set([...initial.keys(), ...operations.flatMap(({ blocks }) => blocks)])];
}

/** Version per block; blocks that were never written are left out. */
export async function readContents(
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
  { operations, initial }: CrashRun,
  contents: ReadonlyMap<number, number>,
  first: number,
  last: number,
): string | undefined {
  const acked = operations.findLastIndex(({ ackedAt }) => ackedAt <= last);
  const invoked = operations.findLastIndex(({ invokedAt }) => invokedAt <= first);
  const expected = new Map(initial);
  const apply = ({ blocks, version }: ModelOperation): void => {
    for (const block of blocks) expected.set(block, version);
  };
  operations.slice(0, acked + 1).forEach(apply);
  for (let cut = acked; ; cut++) {
    if (isSame(expected, contents)) return undefined;
    if (cut >= invoked) break;
    apply(operations[cut + 1]!);
  }
  return `contents of no prefix from operation ${acked} to ${invoked}: ${[...contents].join(' ')}`;
}

function isSame(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([block, version]) => b.get(block) === version);
}
