import { expect, test } from 'vitest';
import { createRandom, type DeviceGeometry } from '../../../../harness/contract/index.ts';
import { createMaterialiser } from '../../../../harness/drive/materialise.ts';
import type { JournalOptions } from '../../config.ts';
import { driveGeometry, formattedTwin, smallOptions } from '../../twin.fixture.ts';
import { isSame, planOf, recoverAll, recoverImage, runAndRecord } from './crash-run.fixture.ts';

/**
 * Goal: in mode `undo-redo` no crash state that a drive may legally leave shows anything of a transaction
 * that did not commit, or misses anything of one that did; nor one left by a crash in the middle of
 * that recovery, at each of its writes, nor by one in the middle of the next recovery. Method:
 * crash-run.fixture.ts. Seeds are fixed.
 */
const mode = 'undo-redo' as const;
const tiny = { ringPages: 32, segmentPages: 8, batchPagesMax: 4, windowPages: 8, dataBlocks: 24 };

const cases: readonly {
  readonly name: string;
  readonly change: Partial<DeviceGeometry>;
  readonly options: JournalOptions;
  readonly appends: boolean;
}[] = [
  { name: 'FUA, 4096-byte LBA', change: {}, options: { ...smallOptions, mode }, appends: false },
  {
    name: 'flush, 512-byte LBA, tiny ring',
    change: { supportsFua: false, logicalBlockBytes: 512 },
    options: { ...tiny, mode },
    appends: false,
  },
  {
    name: 'FUA, 4096-byte LBA, the tail held by appended records',
    change: {},
    options: { ...smallOptions, dataBlocks: 24, mode },
    appends: true,
  },
  {
    name: 'no cache, 512-byte LBA, tiny ring, appended records',
    change: { writeCache: 'none', logicalBlockBytes: 512 },
    options: { ...tiny, mode, doubleWrite: 'destage' as const },
    appends: true,
  },
  {
    name: 'strict, encrypted, pages of 16 KiB, 512-byte LBA, tiny ring',
    change: { logicalBlockBytes: 512 },
    options: {
      ...tiny,
      mode,
      pageBytes: 16384,
      strict: true,
      encryption: { insecureTestKey: 1 },
      doubleWrite: 'destage',
    },
    appends: true,
  },
  {
    name: 'flush, 4096-byte LBA, without steal',
    change: { supportsFua: false },
    options: { ...smallOptions, mode, steal: false },
    appends: false,
  },
];

test.each(cases)(
  'after a power cut exactly the committed transactions show: $name (I1, I5, @req A3, B1, B3, B15)',
  async ({ name, change, options, appends }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(15).fork(name);
    const base = await formattedTwin(geometry, options);
    const run = await runAndRecord({
      image: base.drive.image.fork(),
      geometry,
      options,
      random,
      stepCount: 120,
      writerCount: 5,
      firstVersion: 1,
      initial: new Map(),
      appends,
    });
    expect(run.commits.length).toBeGreaterThan(25);
    const plan = planOf(run.history, 400, random.fork('plan'));
    let stolenCount = 0;
    for await (const state of recoverAll(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      stolenCount += state.stolenCount;
      if (state.index % 60 !== 30) continue;
      const second = await runAndRecord({
        image: state.image.fork(),
        geometry,
        options,
        random: random.fork(`second-${state.index}`),
        stepCount: 16,
        writerCount: 3,
        firstVersion: 10_000,
        initial: state.contents,
        appends,
      });
      const nested = planOf(second.history, 60, random.fork(`nested-${state.index}`));
      for await (const after of recoverAll(second, nested, geometry, options)) {
        expect(after.problem, `state ${state.index}, then ${after.index}`).toBeUndefined();
      }
    }
    // Otherwise nothing that a recovery must take back in place was in these states.
    if (options.steal !== false) expect(stolenCount).toBeGreaterThan(20);
  },
);

test.each(cases)(
  'a crash at any write of a recovery, and of the recovery after that, changes nothing: $name (I9, @req B12)',
  async ({ name, change, options, appends }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(16).fork(name);
    const base = await formattedTwin(geometry, options);
    const run = await runAndRecord({
      image: base.drive.image.fork(),
      geometry,
      options,
      random,
      stepCount: 80,
      writerCount: 5,
      firstVersion: 1,
      initial: new Map(),
      appends,
    });
    const plan = planOf(run.history, 30, random.fork('plan'));
    for await (const state of recoverAll(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      const once = planOf(state.recovery, 24, random.fork(`once-${state.index}`));
      const images = createMaterialiser(once);
      for (const crash of once.states) {
        const image = images.images(crash)[0]!;
        const again = await recoverImage(image.fork(), crash.digest, geometry, options, run);
        const where = `state ${state.index}, recovery cut at ${crash.index}`;
        expect(again.problem, where).toBeUndefined();
        expect(isSame(again.contents, state.contents), where).toBe(true);
        if (crash.index % 8 !== 4) continue;
        const twice = planOf(again.recovery, 12, random.fork(`twice-${crash.index}`));
        const nested = createMaterialiser(twice);
        for (const inner of twice.states) {
          const last = await recoverImage(
            nested.images(inner)[0]!.fork(),
            inner.digest,
            geometry,
            options,
            run,
          );
          expect(last.problem, `${where}, then at ${inner.index}`).toBeUndefined();
          expect(isSame(last.contents, state.contents), `${where}, then ${inner.index}`).toBe(true);
        }
      }
    }
  },
);
