// Goal: the plan of crash states is exactly the legal set. Method: the definition is read a second
// time here, naively and independently (for every t, every subset of what may be on the medium laid
// over what must be, in-flight requests in every order), and compared with the exhaustive plan on
// thousands of small histories that the real drive recorded. What is compared is the set of pairs
// (image, t), so that a window which is too long or too short shows as well.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom, type EventSeq } from '../contract/index.ts';
import { planCrashStates, type CrashPlan } from './crash-states.ts';
import type { History, RecordedWrite, UnitSubset } from './history.ts';
import type { SparseImage } from './image.ts';
import { createMaterialiser } from './materialise.ts';
import { shuffled } from './quotas.ts';
import { recordRandomHistory } from './random-history.fixture.ts';

/** One unit's worth of a request, as the naive reading sees it at a moment. */
interface Pair {
  readonly request: EventSeq;
  readonly device: number;
  readonly unit: number;
  readonly bytes: Uint8Array;
  /** Place in recorded order; Infinity in flight. */
  readonly order: EventSeq;
  readonly durable: boolean;
}

const optionalPairsMax = 9;

const small = fc.record({
  seed: fc.nat(),
  devices: fc.integer({ min: 1, max: 2 }),
  requests: fc.integer({ min: 1, max: 9 }),
  unitsPerDevice: fc.integer({ min: 1, max: 3 }),
  faults: fc.integer({ min: 0, max: 3 }),
});

test('the plan holds every legal pair of image and moment and no other', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(small, async ({ seed, ...options }) => {
      const { history } = await recordRandomHistory(createRandom(seed), options);
      const legal = legalPairs(history);
      if (legal === undefined) return;
      compared += 1;
      const plan = planEverything(history);
      expect(plannedPairs(plan)).toEqual(legal);
      expect(countByInterval(plan)).toEqual(birthsByInterval(history, legal));
    }),
    { seed: 20_260_101, numRuns: 4000 },
  );
  expect(compared).toBeGreaterThan(3000);
});

test('drives that lose power one before the other are among the histories', async () => {
  let apart = 0;
  for (let seed = 0; seed < 40; seed++) {
    const options = { devices: 2, requests: 9, unitsPerDevice: 2, faults: 0 };
    const { history } = await recordRandomHistory(createRandom(seed), options);
    apart += history.cuts.size;
  }
  expect(apart).toBeGreaterThan(10);
});

test('a sampled plan holds only legal states, with exact windows, and keeps its budget', async () => {
  await fc.assert(
    fc.asyncProperty(
      small,
      fc.integer({ min: 1, max: 20 }),
      async ({ seed, ...options }, budget) => {
        const { history } = await recordRandomHistory(createRandom(seed), options);
        const windows = new Map(
          planEverything(history).states.map((state) => [state.digest, state.windows]),
        );
        const random = createRandom(seed).fork('plan');
        const plan = planCrashStates(history, { statesMax: budget, random });
        expect(plan.states.length).toBeLessThanOrEqual(budget);
        for (const state of plan.states) {
          expect(windows.get(state.digest)).toEqual(expect.arrayContaining([...state.windows]));
        }
      },
    ),
    { seed: 20_260_102, numRuns: 1500 },
  );
});

test('what the drives hold is a legal state of that moment', async () => {
  await fc.assert(
    fc.asyncProperty(small, async ({ seed, ...options }) => {
      const { history, drives } = await recordRandomHistory(createRandom(seed), options);
      const legal = legalPairs(history);
      if (legal === undefined) return;
      const held = drives.flatMap(({ image }) => unitNames(image)).join();
      expect(legal[held]).toContain(history.end);
    }),
    { seed: 20_260_106, numRuns: 1000 },
  );
});

test('the digest of a state is the digest of its image, whichever state is asked for first', async () => {
  await fc.assert(
    fc.asyncProperty(small, async ({ seed, ...options }) => {
      const one = { ...options, devices: 1 };
      const { history } = await recordRandomHistory(createRandom(seed), one);
      const plan = planEverything(history);
      const materialiser = createMaterialiser(plan);
      for (const state of shuffled(plan.states.slice(0, 200), createRandom(seed))) {
        expect(materialiser.images(state)[0]!.digest()).toBe(state.digest);
      }
    }),
    { seed: 20_260_107, numRuns: 300 },
  );
});

function planEverything(history: History): CrashPlan {
  return planCrashStates(history, {
    statesMax: Infinity,
    exhaustiveMax: Infinity,
    random: createRandom(0),
  });
}

/** Image name to the moments at which it is legal. */
type Pairs = Record<string, EventSeq[]>;

function plannedPairs(plan: CrashPlan): Pairs {
  const materialiser = createMaterialiser(plan);
  const pairs: Pairs = {};
  for (const state of plan.states) {
    const images = materialiser.images(state);
    const name = images.flatMap(unitNames).join();
    // Two states of one image would be a repeat.
    expect(pairs[name]).toBeUndefined();
    pairs[name] = state.windows.flatMap(({ firstSeq, endSeq }) =>
      momentsFrom(firstSeq, Math.min(endSeq, plan.history.end + 1)),
    );
  }
  return pairs;
}

function momentsFrom(first: EventSeq, end: EventSeq): EventSeq[] {
  return Array.from({ length: end - first }, (_, place) => first + place);
}

function legalPairs(history: History): Pairs | undefined {
  const pairs: Pairs = {};
  for (let t = 0; t <= history.end; t++) {
    const images = legalImages(history, t);
    if (images === undefined) return undefined;
    for (const name of images) (pairs[name] ??= []).push(t);
  }
  return pairs;
}

/** Undefined where there is too much to enumerate. */
function legalImages(history: History, t: EventSeq): Set<string> | undefined {
  const pairs = [...writePairs(history, t), ...discardPairs(history, t), ...rotPairs(history, t)];
  const optional = pairs.filter((pair) => !pair.durable);
  if (optional.length > optionalPairsMax) return undefined;
  const images = new Set<string>();
  for (let subset = 0; subset < 2 ** optional.length; subset++) {
    const present = pairs.filter(
      (pair) => pair.durable || (subset & (1 << optional.indexOf(pair))) !== 0,
    );
    const applied = present.filter((pair) => pair.order < Infinity);
    applied.sort((a, b) => a.order - b.order);
    for (const inFlight of orders(present.filter((pair) => pair.order === Infinity))) {
      images.add(layOver(history, [...applied, ...inFlight]));
    }
  }
  return images;
}

/** The pairs with their requests in every order. */
function orders(pairs: readonly Pair[]): (readonly Pair[])[] {
  const requests = [...new Set(pairs.map((pair) => pair.request))];
  return permutations(requests).map((order) =>
    order.flatMap((request) => pairs.filter((pair) => pair.request === request)),
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}

function layOver(history: History, pairs: readonly Pair[]): string {
  const contents = baseNames(history).map((units) => [...units]);
  for (const { device, unit, bytes } of pairs) contents[device]![unit] = nameOf(bytes);
  return contents.flat().join();
}

const bases = new WeakMap<History, string[][]>();

function baseNames(history: History): string[][] {
  const known = bases.get(history) ?? history.devices.map(({ base }) => unitNames(base));
  bases.set(history, known);
  return known;
}

function unitNames(image: SparseImage): string[] {
  return Array.from({ length: image.unitCount }, (_, unit) => {
    const bytes = new Uint8Array(image.unitBytes);
    image.read(unit * image.unitBytes, bytes);
    return nameOf(bytes);
  });
}

/** Bytes by their hash, remembered per buffer: this test looks at the same few over and over. */
const names = new WeakMap<Uint8Array, string>();

function nameOf(bytes: Uint8Array): string {
  let name = names.get(bytes);
  if (name === undefined) {
    name = createHash('md5').update(bytes).digest('base64');
    names.set(bytes, name);
  }
  return name;
}

/** The moment that counts for a drive: its own last one, where it lost power before the others. */
function momentOf(history: History, device: number, t: EventSeq): EventSeq {
  const cut = history.events.find(
    (event) =>
      event.kind === 'fault' && event.device === device && event.firing.details['isAlone'] === true,
  );
  return Math.min(t, cut?.seq ?? Infinity);
}

function* writePairs(history: History, last: EventSeq): Generator<Pair> {
  for (const write of history.writes) {
    const t = momentOf(history, write.device, last);
    if (write.submitted > t) continue;
    const isComplete = write.completed !== undefined && write.completed <= t;
    const subset = isComplete ? write.landed : write.inFlight;
    if (isComplete && isDropped(history, write, t)) continue;
    for (const place of placesOf(subset, write.units.length)) {
      yield {
        request: write.submitted,
        device: write.device,
        unit: write.landsAtUnit + place,
        bytes: write.units[place]!.bytes,
        order: isComplete ? write.completed : Infinity,
        durable: isComplete && isDurable(history, write, t),
      };
    }
  }
}

function placesOf(subset: UnitSubset, count: number): readonly number[] {
  return subset === 'all' ? Array.from({ length: count }, (_, place) => place) : subset;
}

function isDurable(history: History, write: RecordedWrite, t: EventSeq): boolean {
  const { fua } = submissionOf(history, write.submitted);
  const completion = history.events[write.completed! - 1]!;
  const isOk = completion.kind === 'complete' && completion.answer === 'ok';
  if (history.deviceOf(write.device).geometry.writeCache === 'none') return true;
  if (fua && isOk) return true;
  return flushesOf(history, write, 'persisted').some((flush) => flush.completed <= t);
}

function isDropped(history: History, write: RecordedWrite, t: EventSeq): boolean {
  return flushesOf(history, write, 'dropped').some(
    (flush) => flush.completed <= t && !isDurable(history, write, flush.completed),
  );
}

/** Completed flushes with that effect that were submitted after the write had completed. */
function flushesOf(
  history: History,
  { device, completed }: RecordedWrite,
  effect: 'persisted' | 'dropped',
): { completed: EventSeq }[] {
  const flushes: { completed: EventSeq }[] = [];
  for (const event of history.events) {
    if (event.kind !== 'complete' || event.request !== 'flush') continue;
    if (event.device !== device || event.effect !== effect) continue;
    if (event.submitted > completed!) flushes.push({ completed: event.seq });
  }
  return flushes;
}

function submissionOf(history: History, seq: EventSeq): { fua: boolean } {
  const event = history.events[seq - 1]!;
  if (event.kind !== 'submit') throw new Error('not a submission');
  return event;
}

const zeroBytes = new Map([512, 1024].map((count) => [count, new Uint8Array(count)]));

function zeros(byteCount: number): Uint8Array {
  return zeroBytes.get(byteCount)!;
}

function* discardPairs(history: History, last: EventSeq): Generator<Pair> {
  for (const { submitted, completed, device, firstUnit, unitCount } of history.discards) {
    const t = momentOf(history, device, last);
    if (submitted > t) continue;
    for (let place = 0; place < unitCount; place++) {
      yield {
        request: submitted,
        device,
        unit: firstUnit + place,
        bytes: zeros(history.deviceOf(device).base.unitBytes),
        order: completed !== undefined && completed <= t ? completed : Infinity,
        durable: false,
      };
    }
  }
}

function* rotPairs(history: History, last: EventSeq): Generator<Pair> {
  for (const { seq, device, unitIndex, unit } of history.rots) {
    const t = momentOf(history, device, last);
    if (seq > t) continue;
    yield { request: seq, device, unit: unitIndex, bytes: unit.bytes, order: seq, durable: true };
  }
}

function countByInterval(plan: CrashPlan): Record<number, number> {
  return Object.fromEntries(
    plan.coverage.map(({ interval, checked, legalLog10 }) => {
      expect(10 ** legalLog10).toBeCloseTo(checked, 6);
      return [interval, checked];
    }),
  );
}

/** How many images became legal in each flush interval. */
function birthsByInterval(history: History, pairs: Pairs): Record<number, number> {
  const births: Record<number, number> = {};
  for (const moments of Object.values(pairs)) {
    for (const t of moments) {
      if (moments.includes(t - 1)) continue;
      const interval = history.flushes.filter(
        ({ completed, effect }) => effect === 'persisted' && completed <= t,
      ).length;
      births[interval] = (births[interval] ?? 0) + 1;
    }
  }
  return births;
}
