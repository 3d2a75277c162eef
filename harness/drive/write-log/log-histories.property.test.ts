// Goal: every crash state that a log yields is one that the drive could really have been left with, at the
// ledger position it is judged at. Method: requests that overlap at random are recorded with their
// submissions and completions, which gives the exact legal states (unit-versions.ts, proven in
// crash-states.property.test.ts); a model of the kernel's target writes the log of the same requests;
// what the log yields must be among the former. What a log cannot know must be left out.
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { planCrashStates } from '../crash-states.ts';
import { ledgerWindowsOf } from '../crash-windows.ts';
import type { History } from '../history.ts';
import { createMaterialiser } from '../materialise.ts';
import { writeLogFile, type EntryDraft } from './log-encoder.fixture.ts';
import { historiesOfLog, type LogHistories, type LogHistoryOptions } from './log-histories.ts';
import {
  blockBytes,
  drawRequests,
  flushesInFlight,
  kernelLogOf,
  qemuLogOf,
  type RequestOptions,
} from './random-requests.fixture.ts';
import { WriteLog } from './write-log.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-log-'));
const file = path.join(folder, 'log');
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const requests = {
  seed: fc.nat(),
  steps: fc.integer({ min: 1, max: 30 }),
  blocks: fc.integer({ min: 2, max: 5 }),
  flushesMax: fc.integer({ min: 1, max: 3 }),
  flushesInOrder: fc.constant(true),
  blocksAreShared: fc.boolean(),
  hasFua: fc.constant(true),
  hasDiscards: fc.boolean(),
};

type Drawn = RequestOptions & { readonly seed: number };

function convert(
  history: History,
  entries: readonly EntryDraft[],
  options: Partial<LogHistoryOptions> = {},
): LogHistories {
  const log = WriteLog.open(writeLogFile(file, { blockBytes, entries }), { until: 'entry-count' });
  const flushesInFlightMax = flushesInFlight(history);
  const { base } = history.devices[0]!;
  const semantics = 'dm-log-writes';
  const all = { semantics, name: 'drive', base, flushesInFlightMax, ...options } as const;
  const histories = historiesOfLog(log, all);
  void log[Symbol.asyncDispose]();
  return histories;
}

function planAll(history: History): ReturnType<typeof planCrashStates> {
  const random = createRandom(0);
  const first = history.events[0];
  const bornAfter = first?.kind === 'mark' && first.position === 0 ? first.seq : -1;
  return planCrashStates(history, {
    statesMax: Infinity,
    exhaustiveMax: Infinity,
    random,
    bornAfter,
  });
}

/** State and ledger position, of every moment of its windows. */
function pairsOf(history: History): Set<string> {
  const pairs = new Set<string>();
  for (const state of planAll(history).states) {
    for (const { window } of ledgerWindowsOf(history, state)) {
      for (let position = window.first; position <= window.last; position++) {
        pairs.add(`${state.digest}@${position}`);
      }
    }
  }
  return pairs;
}

function illegalPairs(truth: History, { histories }: LogHistories): string[] {
  const legal = pairsOf(truth);
  return histories.flatMap(({ history }) =>
    [...pairsOf(history)].filter((pair) => !legal.has(pair)),
  );
}

const draw = ({ seed, ...options }: Drawn): History => drawRequests(createRandom(seed), options);

test('every state of a dm-log-writes log is legal at its ledger position', () => {
  let [yielded, gaps, resumed] = [0, 0, 0];
  fc.assert(
    fc.property(fc.record(requests), (drawn) => {
      const truth = draw(drawn);
      const found = convert(truth, kernelLogOf(truth));
      expect(illegalPairs(truth, found)).toEqual([]);
      yielded += found.histories.reduce((sum, { history }) => sum + pairsOf(history).size, 0);
      gaps += found.gaps.length;
      resumed += found.gaps.filter(({ endEntry }) => endEntry !== undefined).length;
    }),
    { seed: 20_261_121, numRuns: 2500 },
  );
  expect(yielded).toBeGreaterThan(10_000);
  expect(gaps).toBeGreaterThan(100);
  expect(resumed).toBeGreaterThan(20);
});

test('every state of a blklogwrites log is legal', () => {
  fc.assert(
    fc.property(fc.record({ ...requests, hasFua: fc.constant(false) }), (drawn) => {
      const truth = draw(drawn);
      const found = convert(truth, qemuLogOf(truth), { semantics: 'blklogwrites' });
      expect(found.gaps).toEqual([]);
      const legal = digestsOf(truth);
      for (const digest of digestsOf(found.histories[0]!.history)) expect(legal).toContain(digest);
    }),
    { seed: 20_261_122, numRuns: 1000 },
  );
});

test('ledger positions by the length of a log without marks are legal too', () => {
  fc.assert(
    fc.property(fc.record({ ...requests, hasFua: fc.constant(false) }), (drawn) => {
      const truth = draw(drawn);
      const positions = truth.events.flatMap((event) => {
        if (event.kind !== 'mark') return [];
        const before = truth.events.slice(0, event.seq);
        const entryCount = before.filter(({ kind }) => kind === 'complete').length;
        return [{ entryCount, position: event.position }];
      });
      const found = convert(truth, qemuLogOf(truth), { semantics: 'blklogwrites', positions });
      expect(illegalPairs(truth, found)).toEqual([]);
    }),
    { seed: 20_261_123, numRuns: 1000 },
  );
});

test('a log yields S1 to S5 of its groups, all of them and nothing else', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.record({
        ...requests,
        blocksAreShared: fc.constant(false),
        hasDiscards: fc.constant(false),
      }),
      (drawn) => {
        const truth = draw(drawn);
        const entries = kernelLogOf(truth);
        const expected = statesByHand(truth, entries);
        if (expected === undefined) return;
        const { histories } = convert(truth, entries);
        expect(imagesOf(histories[0]!.history)).toEqual(expected);
        compared += 1;
      },
    ),
    { seed: 20_261_124, numRuns: 1000 },
  );
  expect(compared).toBeGreaterThan(600);
});

test('with fewer flushes in flight than there were, or out of order, states would be illegal', () => {
  let [tooFew, overtaken] = [0, 0];
  for (let seed = 0; seed < 3000 && (tooFew === 0 || overtaken === 0); seed++) {
    const options = {
      steps: 30,
      blocks: 3,
      flushesMax: 3,
      flushesInOrder: true,
      blocksAreShared: true,
      hasFua: true,
      hasDiscards: false,
    };
    const truth = drawRequests(createRandom(seed), options);
    const short = convert(truth, kernelLogOf(truth), { flushesInFlightMax: 0 });
    tooFew += illegalPairs(truth, short).length;
    const crossed = drawRequests(createRandom(seed), { ...options, flushesInOrder: false });
    overtaken += illegalPairs(crossed, convert(crossed, kernelLogOf(crossed))).length;
  }
  expect(tooFew).toBeGreaterThan(0);
  expect(overtaken).toBeGreaterThan(0);
});

function digestsOf(history: History): Set<string> {
  return new Set(planAll(history).states.map(({ digest }) => digest));
}

/** Every image by its contents: the first byte of each block tells them apart, but for the base. */
function imagesOf(history: History): Set<string> {
  const plan = planAll(history);
  const materialiser = createMaterialiser(plan);
  return new Set(
    plan.states.map((state) => {
      const [image] = materialiser.images(state);
      return Array.from({ length: image!.unitCount }, (_, unit) =>
        nameOf(image!.readUnit(unit).bytes),
      ).join();
    }),
  );
}

const nameOf = (bytes: Uint8Array): string => String(bytes[100]! + 256 * bytes[8]!);

/** The families as they are defined, by brute force; undefined where there is too much of it. */
function statesByHand(truth: History, entries: readonly EntryDraft[]): Set<string> | undefined {
  const { base } = truth.devices[0]!;
  let floor = Array.from({ length: base.unitCount }, (_, unit) =>
    nameOf(base.readUnit(unit).bytes),
  );
  const states = new Set([floor.join()]);
  let plain: (readonly [number, string])[] = [];
  for (const { flags = 0, lba = 0, data } of entries) {
    const units = Array.from({ length: (data?.length ?? 0) / blockBytes }, (_, place) => {
      const bytes = data!.subarray(place * blockBytes, (place + 1) * blockBytes);
      return [lba + place, nameOf(bytes)] as const;
    });
    if ((flags & 2) !== 0) {
      for (const torn of subsets(units)) states.add(laid(floor, torn).join());
      floor = laid(floor, units);
    } else if ((flags & 1) !== 0) {
      floor = laid(floor, plain);
      plain = [];
    } else {
      plain.push(...units);
      if (plain.length > 9) return undefined;
      for (const some of subsets(plain)) states.add(laid(floor, some).join());
    }
  }
  return states;
}

function laid(floor: readonly string[], units: readonly (readonly [number, string])[]): string[] {
  const contents = [...floor];
  for (const [unit, name] of units) contents[unit] = name;
  return contents;
}

function subsets<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length }, (_, bits) =>
    items.filter((_item, place) => (bits & (1 << place)) !== 0),
  );
}
