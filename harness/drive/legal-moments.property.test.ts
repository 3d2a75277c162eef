// Goal: an image is found legal exactly when, and as long as, the plan of all crash states has it. Method: on random
// histories of one drive, every image of the exhaustive plan, and images put together of contents that the
// units held at any time, most of which no crash can leave.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { planCrashStates, type CrashPlan, type EventWindow } from './crash-states.ts';
import type { SparseImage } from './image.ts';
import { LegalMoments } from './legal-moments.ts';
import { createMaterialiser } from './materialise.ts';
import { recordRandomHistory } from './random-history.fixture.ts';
import { Unit } from './unit.ts';
import { unitVersionsOf } from './unit-versions.ts';

const small = fc.record({
  seed: fc.nat(),
  requests: fc.integer({ min: 1, max: 12 }),
  unitsPerDevice: fc.integer({ min: 1, max: 4 }),
  faults: fc.integer({ min: 0, max: 3 }),
});

test('an image is legal exactly when the plan of all crash states has it', async () => {
  const found = { legal: 0, illegal: 0 };
  await fc.assert(
    fc.asyncProperty(small, async ({ seed, ...options }) => {
      const random = createRandom(seed);
      const { history } = await recordRandomHistory(random, { ...options, devices: 1 });
      const plan = planCrashStates(history, { statesMax: 5000, random: random.fork('plan') });
      if (plan.states.length === 5000) return;
      const moments = new LegalMoments(history);
      const planned = windowsByDigest(plan);
      for (const image of [...imagesOf(plan), ...mixedImages(plan, seed)]) {
        const windows = planned.get(image.digest()) ?? [];
        const legality = moments.of(image);
        expect(legality.windows.map(clippedTo(history.events.length))).toEqual(
          windows.map(clippedTo(history.events.length)),
        );
        expect(legality.conflict === undefined).toBe(windows.length > 0);
        found[windows.length > 0 ? 'legal' : 'illegal'] += 1;
      }
    }),
    { seed: 20_261_121, numRuns: 1500 },
  );
  expect(found.legal).toBeGreaterThan(10_000);
  expect(found.illegal).toBeGreaterThan(1000);
});

test('an image with something else in a unit that nobody wrote to is illegal', async () => {
  const { history } = await recordRandomHistory(createRandom(3), {
    devices: 1,
    requests: 2,
    unitsPerDevice: 40,
    faults: 0,
  });
  const { base } = history.devices[0]!;
  const touched = new Set(unitVersionsOf(history, undefined).map(({ unitIndex }) => unitIndex));
  const untouched = Array.from({ length: base.unitCount }, (_, index) => index).find(
    (index) => !touched.has(index),
  )!;
  const image = base.fork();
  expect(new LegalMoments(history).of(image).conflict).toBeUndefined();
  image.writeUnit(untouched, new Unit(new Uint8Array(base.unitBytes).fill(9)));
  expect(new LegalMoments(history).of(image)).toEqual({ windows: [], conflict: untouched });
});

function windowsByDigest(plan: CrashPlan): ReadonlyMap<string, readonly EventWindow[]> {
  return new Map(plan.states.map(({ digest, windows }) => [digest, windows]));
}

function* imagesOf(plan: CrashPlan): Iterable<SparseImage> {
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) yield materialiser.images(state)[0]!;
}

/** Each unit holds something that it held at some time. */
function* mixedImages({ history }: CrashPlan, seed: number): Iterable<SparseImage> {
  const random = createRandom(seed).fork('mixed');
  const lifetimes = unitVersionsOf(history, undefined);
  for (let count = 0; count < 12; count++) {
    const image = history.devices[0]!.base.fork();
    for (const { unitIndex, versions } of lifetimes) {
      image.writeUnit(unitIndex, versions[random.below(versions.length)]!.unit);
    }
    yield image;
  }
}

/** A plan has no end for what stays legal, or one after the last event. */
function clippedTo(end: number): (window: EventWindow) => EventWindow {
  return ({ firstSeq, endSeq }) => ({ firstSeq, endSeq: Math.min(endSeq, end + 1) });
}
