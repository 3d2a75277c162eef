import { expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import { planOf, recoverAll, runAndRecord } from './crash-run.fixture.ts';
import { driveGeometry, formattedTwin, smallOptions } from './twin.fixture.ts';

/**
 * Goal: no crash state that a drive may legally leave loses, tears, reorders or brings back anything,
 * nor one left by a second crash after the first recovery. Method: random operations on the twin, cut
 * everywhere, compared with a model (crash-run.fixture.ts). Seeds are fixed.
 */
const tiny = {
  ringPages: 32,
  segmentPages: 8,
  batchPagesMax: 4,
  windowPages: 8,
  dataBlocks: 40,
  destageStart: 0.5,
};

const cases = [
  {
    name: 'FUA, 4096-byte LBA',
    change: {},
    options: { ...smallOptions, durability: 'fua' as const },
  },
  { name: 'FUA, 512-byte LBA', change: { logicalBlockBytes: 512 }, options: smallOptions },
  { name: 'flush, 4096-byte LBA', change: { supportsFua: false }, options: smallOptions },
  {
    name: 'flush, 512-byte LBA, tiny ring',
    change: { supportsFua: false, logicalBlockBytes: 512 },
    options: tiny,
  },
  {
    name: 'no cache, 512-byte LBA',
    change: { writeCache: 'none', logicalBlockBytes: 512 } as const,
    options: smallOptions,
  },
  {
    name: 'FUA, tiny ring, no idle watermark',
    change: {},
    options: { ...tiny, idleWatermark: false },
  },
  {
    name: 'pages of 16 KiB, 4096-byte LBA',
    change: {},
    options: { ...smallOptions, pageBytes: 16384 as const, durability: 'fua' as const },
  },
  {
    name: 'pages of 16 KiB, 512-byte LBA, tiny ring',
    change: { supportsFua: false, logicalBlockBytes: 512 },
    options: { ...tiny, pageBytes: 16384 as const },
  },
  {
    name: 'encrypted, 512-byte LBA',
    change: { logicalBlockBytes: 512 },
    options: { ...smallOptions, encryption: { insecureTestKey: 1 } },
  },
  {
    name: 'encrypted, pages of 16 KiB, flush, tiny ring',
    change: { supportsFua: false },
    options: { ...tiny, pageBytes: 16384 as const, encryption: { insecureTestKey: 1 } },
  },
  {
    name: 'strict, FUA, 512-byte LBA, tiny ring',
    change: { logicalBlockBytes: 512 },
    options: { ...tiny, strict: true, durability: 'fua' as const },
  },
  {
    name: 'strict, flush, encrypted',
    change: { supportsFua: false },
    options: { ...smallOptions, strict: true, encryption: { insecureTestKey: 1 } },
  },
];

test.each(cases)(
  'after a power cut the volume holds a prefix with every acknowledged operation: $name (I1, I2, I5, @req A3, B1, B12, C2, C10, D1)',
  async ({ name, change, options }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(7).fork(name);
    const base = await formattedTwin(geometry, options);
    const run = await runAndRecord({
      image: base.drive.image.fork(),
      geometry,
      options,
      random,
      operationCount: 90,
      queueDepth: 6,
      firstVersion: 1,
      initial: new Map(),
    });
    const plan = planOf(run, 400, random.fork('plan'));
    expect(plan.states.length).toBeGreaterThan(300);
    for await (const state of recoverAll(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      if (state.index % 80 !== 40) continue;
      const second = await runAndRecord({
        image: state.image.fork(),
        geometry,
        options,
        random: random.fork(`second-${state.index}`),
        operationCount: 10,
        queueDepth: 3,
        firstVersion: 10_000,
        initial: state.contents,
      });
      const nested = planOf(second, 60, random.fork(`nested-${state.index}`));
      for await (const after of recoverAll(second, nested, geometry, options)) {
        expect(after.problem, `state ${state.index}, then ${after.index}`).toBeUndefined();
      }
    }
  },
);
