import { expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import { planOf, recoverAll, runAndRecord } from './crash-run.fixture.ts';
import { planFlushed, recoverFlushed, runFlushed } from './flushed-run.fixture.ts';
import { driveGeometry, formattedTwin, smallOptions } from './twin.fixture.ts';

/**
 * Goal: the block-mapped mode `ordered`, and every kind of double writing, lose, tear, reorder and
 * bring back nothing in any crash state that a drive may legally leave, nor after a second crash.
 * Method: as in crash.property.test.ts, whose model holds for them as it stands. Seeds are fixed.
 */
const tiny = { ringPages: 32, segmentPages: 8, batchPagesMax: 4, windowPages: 8, dataBlocks: 40 };
const flushed = { supportsFua: false };
const small = { logicalBlockBytes: 512 };
const ordered = { ...smallOptions, mode: 'ordered' as const };

const cases = [
  { name: 'ordered, FUA', change: {}, options: { ...ordered, durability: 'fua' as const } },
  { name: 'ordered, flush', change: flushed, options: ordered },
  {
    name: 'ordered, flush, 512-byte LBA, few spare blocks',
    change: { ...flushed, ...small },
    options: { ...ordered, ...tiny, spareBlocks: 8 },
  },
  {
    name: 'ordered, FUA, 512-byte LBA, a map of three pages',
    change: small,
    options: { ...ordered, dataBlocks: 700, durability: 'fua' as const },
  },
  {
    name: 'ordered, no cache, full double write',
    change: { writeCache: 'none', ...small } as const,
    options: { ...ordered, ...tiny, doubleWrite: 'full' as const },
  },
  {
    name: 'ordered, flush, 512-byte LBA, full double write',
    change: { ...flushed, ...small },
    options: { ...ordered, doubleWrite: 'full' as const },
  },
  {
    name: 'journal, FUA, 512-byte LBA, destage',
    change: small,
    options: { ...smallOptions, ...tiny, doubleWrite: 'destage' as const },
  },
  {
    name: 'journal, flush, 512-byte LBA, full, tiny ring',
    change: { ...flushed, ...small },
    options: { ...smallOptions, ...tiny, doubleWrite: 'full' as const },
  },
  {
    name: 'ordered, strict, pages of 16 KiB, 512-byte LBA',
    change: small,
    options: { ...ordered, pageBytes: 16384 as const, strict: true },
  },
  {
    name: 'journal, encrypted, strict, full, 512-byte LBA',
    change: small,
    options: {
      ...smallOptions,
      doubleWrite: 'full' as const,
      strict: true,
      encryption: { insecureTestKey: 1 },
    },
  },
  {
    name: 'journal, FUA, full',
    change: {},
    options: { ...smallOptions, doubleWrite: 'full' as const, durability: 'fua' as const },
  },
];

test.each(cases)(
  'after a power cut the volume holds a prefix with every acknowledged operation: $name (@req B8, C5)',
  async ({ name, change, options }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(11).fork(name);
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
    const plan = planOf(run, 300, random.fork('plan'));
    expect(plan.states.length).toBeGreaterThan(200);
    for await (const state of recoverAll(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      if (state.index % 60 !== 30) continue;
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

const writeback = { ...smallOptions, mode: 'writeback' as const };
const none = { ...smallOptions, mode: 'none' as const };

const flushedCases = [
  { name: 'writeback, FUA', change: {}, options: writeback, shows: 'anything' },
  {
    name: 'writeback, flush, 512-byte LBA',
    change: { ...flushed, ...small },
    options: writeback,
    shows: 'anything',
  },
  {
    name: 'writeback, full double write',
    change: { ...flushed, ...small },
    options: { ...writeback, doubleWrite: 'full' as const },
    shows: 'anything',
  },
  { name: 'none', change: {}, options: none, shows: 'old or new' },
  { name: 'none, 512-byte LBA', change: small, options: none, shows: 'anything' },
] as const;

test.each(flushedCases)(
  'after a power cut a block whose newest write was flushed holds it, another may show $shows: $name (@req A5, B9)',
  async ({ name, change, options, shows }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(5).fork(name);
    const base = await formattedTwin(geometry, options);
    const image = base.drive.image.fork();
    const common = { geometry, options, operationCount: 120 };
    const run = await runFlushed({ ...common, image, random, firstVersion: 1000 });
    const plan = planFlushed(run, 300, random.fork('plan'));
    expect(plan.states.length).toBeGreaterThan(150);
    let exposedBlocks = 0;
    let lostBlocks = 0;
    for await (const state of recoverFlushed(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      exposedBlocks += state.exposedBlocks;
      lostBlocks += state.lostBlocks;
      if (state.index % 60 !== 30) continue;
      const second = await runFlushed({
        ...common,
        image: state.image.fork(),
        random: random.fork(`second-${state.index}`),
        operationCount: 16,
        firstVersion: 100_000,
      });
      const nested = planFlushed(second, 40, random.fork(`nested-${state.index}`));
      for await (const after of recoverFlushed(second, nested, geometry, options)) {
        expect(after.problem, `state ${state.index}, then ${after.index}`).toBeUndefined();
      }
    }
    expect(lostBlocks).toBeGreaterThan(0);
    if (shows === 'anything') expect(exposedBlocks).toBeGreaterThan(0);
    else expect(exposedBlocks).toBe(0);
  },
);
