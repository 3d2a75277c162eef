import ext4 from '../../engines/ext4/index.ts';
import xfs from '../../engines/xfs/index.ts';
import { createRandom, type FileSystemAdapter } from '../contract/index.ts';
import type { SparseImage } from '../drive/image.ts';
import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../measure/benchmark.ts';
import type { WritesFoundBy } from './mounted-states.ts';
import {
  imagesOf,
  makeImage,
  mixedOps,
  MounterForTest,
  recordFiles,
  type RecordedFiles,
} from './recorded-files.fixture.ts';

interface Load {
  readonly engine: FileSystemAdapter;
  readonly mebibytes: number;
  /** States a second that two mounters on two cores must do. */
  readonly bar: number;
}

const loads: readonly Load[] = [
  { engine: ext4, mebibytes: 64, bar: 150 },
  { engine: xfs, mebibytes: 64, bar: 60 },
];

const variants: readonly (readonly [WritesFoundBy, number])[] = [
  ['comparison', 1],
  ['trace', 1],
  ['trace', 2],
  ['trace', 4],
];

/** How many crash states a second the kernel mounts, recovers, shows and unmounts. */
const mountedStates: Benchmark = {
  name: 'crash states mounted by the kernel, the tree read, distinct ones checked',
  run: async (size) => {
    const rows: BenchmarkRow[] = [];
    for (const load of loads) rows.push(...(await measure(load, size)));
    return rows;
  },
};

async function measure(load: Load, size: BenchmarkSize): Promise<BenchmarkRow[]> {
  const { engine, mebibytes, bar } = load;
  const isSmoke = size === 'smoke';
  const made = await makeImage(engine, {}, mebibytes);
  const ops = mixedOps(isSmoke ? 20 : 300, createRandom(1));
  const recorded = await recordFiles(made, ops, isSmoke ? 4 : 600);
  const rows: BenchmarkRow[] = [];
  for (const [findWritesBy, mounters] of isSmoke ? variants.slice(2, 3) : variants) {
    const { perSecond, checks } = await rateOf(recorded, findWritesBy, mounters);
    const verdict = perSecond >= bar ? 'met' : 'missed';
    const hasBar = mounters === 2 && !isSmoke;
    rows.push({
      what: `${engine.name} ${mebibytes} MiB, ${mounters} at once, writes found by ${findWritesBy}`,
      value: perSecond,
      unit: 'states a second',
      note: `${recorded.plan.states.length} states, ${checks} checks`,
      ...(hasBar ? { bar: { expected: `at least ${bar}`, verdict } as const } : {}),
    });
  }
  return rows;
}

async function rateOf(
  recorded: RecordedFiles,
  findWritesBy: WritesFoundBy,
  count: number,
): Promise<{ perSecond: number; checks: number }> {
  const images = [...imagesOf(recorded)];
  const tests: MounterForTest[] = [];
  try {
    for (let index = 0; index < count; index++) {
      tests.push(await MounterForTest.open(recorded, { findWritesBy }));
    }
    const startedMs = performance.now();
    await Promise.all(tests.map((test, index) => recoverAll(test, shareOf(images, index, count))));
    const seconds = (performance.now() - startedMs) / 1000;
    const checks = tests.reduce((sum, { mounter }) => sum + mounter.checkRuns(), 0);
    return { perSecond: images.length / seconds, checks };
  } finally {
    for (const test of tests) await test[Symbol.asyncDispose]();
  }
}

/** Neighbours differ in little, so each mounter has a run of them. */
function shareOf(images: readonly SparseImage[], index: number, count: number): SparseImage[] {
  const share = Math.ceil(images.length / count);
  return images.slice(index * share, (index + 1) * share);
}

async function recoverAll({ mounter }: MounterForTest, images: readonly SparseImage[]) {
  for (const image of images) {
    const recovered = await mounter.recover(image);
    if (!recovered.opened) throw new Error(`a state did not open: ${recovered.message}`);
  }
  mounter.verify();
}

export default mountedStates;
