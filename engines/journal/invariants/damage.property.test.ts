import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { mirrorExtent } from '../format/layout.ts';
import type { Superblock } from '../format/superblock.ts';
import { pairOf } from '../io/superblock-store.ts';
import {
  acknowledgedPages,
  outcomeOf,
  pageBytesOf,
  placesToRot,
  putPage,
  someOf,
  withoutSuperblocks,
  withRot,
  type Outcome,
} from './damaged-states.fixture.ts';
import { crashStates, recoveredStates } from './explore.fixture.ts';
import { logPagesOn, newestOn, pagesOn, pageWritesOf } from './medium.fixture.ts';
import { formatted } from './journals.fixture.ts';
import { runOnNew, runScript } from './script-run.fixture.ts';
import { scripts, type Step } from './scripts.fixture.ts';
import { plainSetup, runs, setups } from './setups.fixture.ts';

/**
 * Goal: damage to what was acknowledged is refused or repaired, never taken for the end of the log, and
 * what a power cut leaves is never taken for damage. Method: damage of every kind, everywhere, in what
 * crashes leave.
 */
const steady = { write: 8, transaction: 2, append: 2, settle: 3, release: 1 };

test('I10 rot in any page of the acknowledged log is refused, or repaired from the mirror (@req C3, C8)', async () => {
  const seen = new Map<Outcome, number>();
  await fc.assert(
    fc.asyncProperty(
      setups({ cache: ['fua', 'flush'] }),
      scripts({ minLength: 8, maxLength: 16 }, steady),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 10 });
        const expected = setup.options.doubleWrite === 'full' ? 'right' : 'corrupt';
        for (const state of someOf([...crashStates(run.history, { statesMax: 60 })], 2)) {
          const random = createRandom(state.digest);
          for (const { slot, header } of acknowledgedPages(run, state)) {
            for (const at of placesToRot(setup, random)) {
              const outcome = await outcomeOf(
                run,
                withRot(state, setup, slot, at, random.below(8)),
              );
              const where = `byte ${at} of page ${header.pageSeq}, state ${state.index}`;
              expect(outcome, where).toBe(expected);
              seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
            }
          }
        }
      },
    ),
    runs(9),
  );
  expect(seen.get('corrupt')).toBeGreaterThan(200);
  expect(seen.get('right')).toBeGreaterThan(80);
});

test('I11 whatever a power cut leaves of the writes in flight opens, torn or not (@req C8)', async () => {
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      setups({ logicalBlockBytes: [512, 512, 4096], idleWatermark: [false] }),
      scripts({ minLength: 12, maxLength: 20 }, { write: 10, transaction: 5, append: 2 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 11 });
        // Nothing but what was in flight together in the end: many states of few moments.
        const bornAfter = run.history.end - 60;
        for await (const { journal } of recoveredStates(run, { statesMax: 90, bornAfter })) {
          ends.add(/end \w+ \(R\d\)/.exec(journal.recovery.note)![0]);
        }
      },
    ),
    runs(9),
  );
  expect([...ends].sort()).toEqual(['end clean (R5)', 'end torn (R4)']);
});

test('I12 every page names what was acknowledged when it was sealed, so a lost page is missed', async () => {
  // Every option that might write a watermark besides is off.
  const bare = { strict: [false], idleWatermark: [false], encrypted: [false] } as const;
  let named = 0;
  let missed = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ ...bare, doubleWrite: ['off'], mode: ['journal', 'ordered'], ringPages: [64] }),
      scripts({ minLength: 6, maxLength: 10 }, { write: 6, append: 2, settle: 4 }),
      async (setup, steps) => {
        const fresh = await formatted(setup);
        const run = await runScript({
          ...fresh,
          image: fresh.image.fork(),
          setup,
          steps,
          seed: 12,
        });
        const superblock = newestOn(run.twin.drive.image, setup.geometry);
        const marks = run.history.events.filter((event) => event.kind === 'mark');
        for (const { submitted, pages } of pageWritesOf(run.history, superblock)) {
          const position = marks.findLast(({ seq }) => seq < submitted)?.position ?? 0;
          const acked = run.operations.filter(({ ackedAt }) => ackedAt <= position);
          const lsn = Math.max(0, ...acked.map((operation) => operation.lsn!));
          for (const { header } of pages) {
            expect(header.durableLsn).toBeGreaterThanOrEqual(lsn);
            if (lsn > 0) named += 1;
          }
        }
        for (const state of someOf([...crashStates(run.history, { statesMax: 40 })], 4)) {
          const pages = logPagesOn(state.image, newestOn(state.image, setup.geometry));
          const durableLsn = Math.max(0, ...pages.map(({ header }) => header.durableLsn));
          for (const { slot, header } of pages) {
            if (header.firstLsn > durableLsn) continue;
            const image = state.image.fork();
            putPage(image, setup, slot, pageBytesOf(fresh.image, setup, slot));
            expect(await outcomeOf(run, { ...state, image })).toBe('corrupt');
            missed += 1;
          }
        }
      },
    ),
    runs(12),
  );
  expect(named).toBeGreaterThan(50);
  expect(missed).toBeGreaterThan(50);
});

test('I25 a page that stands at a slot that is not its own is refused, or read from the mirror', async () => {
  const seen = new Map<Outcome, number>();
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 10, maxLength: 20 }, steady),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 25 });
        for (const state of someOf([...crashStates(run.history, { statesMax: 60 })], 5)) {
          const random = createRandom(state.digest);
          const pages = logPagesOn(state.image, newestOn(state.image, setup.geometry));
          for (const { slot } of pages) {
            const away = 1 + random.below(setup.config.ringPages - 1);
            const target = (slot + away) % setup.config.ringPages;
            const image = state.image.fork();
            const bytes = pageBytesOf(image, setup, slot);
            putPage(image, setup, target, bytes);
            const outcome = await outcomeOf(run, { ...state, image });
            const isRepairable = isInMirror(image, newestOn(image, setup.geometry), target);
            expect(outcome, `slot ${slot} in ${target}`).toBe(isRepairable ? 'right' : 'corrupt');
            seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
          }
        }
      },
    ),
    runs(10),
  );
  expect(seen.get('corrupt')).toBeGreaterThan(100);
  expect(seen.get('right')).toBeGreaterThan(30);
});

/** A slot that the crash has torn in the mirror as well cannot be told from it. */
function isInMirror(image: SparseImage, superblock: Superblock, slot: number): boolean {
  if (superblock.doubleWrite !== 'full') return false;
  const pages = pagesOn(image, superblock, mirrorExtent(superblock.layout));
  return pages.some((page) => page.slot === slot);
}

test('I26 any one copy of the superblock may be lost, in any crash state', async () => {
  let states = 0;
  await fc.assert(
    fc.asyncProperty(setups(), scripts({ minLength: 30, maxLength: 50 }), async (setup, steps) => {
      const run = await runOnNew({ setup, steps, seed: 26 });
      for (const state of crashStates(run.history, { statesMax: 15 })) {
        for (const slot of [0, 1, 2, 3]) {
          const outcome = await outcomeOf(run, withoutSuperblocks(state, setup, [slot]));
          expect(outcome, `without ${slot}, state ${state.index}`).toBe('right');
          states += 1;
        }
      }
    }),
    runs(8),
  );
  expect(states).toBeGreaterThan(300);
});

/** The tail moves for the first time, and the log comes to its old end. */
const early = { write: 10, transaction: 4, settle: 1, release: 1, append: 1, reopen: 1 };

/** A batch on its way ends behind the place where the tail was before. */
const overOldTail: readonly Step[] = [
  { kind: 'write', block: 16, count: 2 },
  { kind: 'write', block: 3, count: 1 },
  { kind: 'write', block: 0, count: 2 },
  { kind: 'pause', ns: 2_000_000 },
  { kind: 'write', block: 9, count: 1 },
  { kind: 'write', block: 8, count: 2 },
  { kind: 'write', block: 3, count: 1 },
  { kind: 'release' },
  { kind: 'transaction', blocks: [21, 19, 22] },
  { kind: 'write', block: 6, count: 6 },
  { kind: 'append', byteCount: 1200 },
  { kind: 'write', block: 20, count: 1 },
  { kind: 'write', block: 3, count: 1 },
  { kind: 'write', block: 22, count: 1 },
  { kind: 'write', block: 23, count: 1 },
  { kind: 'release' },
  { kind: 'write', block: 19, count: 5 },
  { kind: 'transaction', blocks: [5] },
  { kind: 'write', block: 0, count: 3 },
  { kind: 'settle' },
  { kind: 'append', byteCount: 5 },
  { kind: 'settle' },
];

test('I26 the whole newest pair of superblocks may be lost, in any crash state (R7)', async () => {
  const seen = new Map<Outcome, number>();
  await fc.assert(
    fc.asyncProperty(
      setups({ ringPages: [32] }),
      scripts({ minLength: 25, maxLength: 40 }, early),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 26 });
        for (const state of crashStates(run.history, { statesMax: 25 })) {
          const newest = newestOn(state.image, setup.geometry);
          const lost = withoutSuperblocks(state, setup, pairOf(newest.sequence));
          const outcome = await outcomeOf(run, lost);
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
          if (outcome === 'right') continue;
          // The one thing that the ring cannot tell: where an epoch begins whose first page, and so
          // whose first acknowledgement, was still on its way.
          const where = `state ${state.index}, born at event ${state.bornAt}`;
          expect(outcome, where).toBe('corrupt');
          expect(hasEpochBegun(state.image, newest), where).toBe(false);
        }
      },
    ),
    {
      ...runs(14),
      examples: [[plainSetup({ logicalBlockBytes: 512, cache: 'none' }), overOldTail]],
    },
  );
  expect(seen.get('right')).toBeGreaterThan(250);
});

/** The first page of the newest epoch stands in the ring or in its mirror, or did so a window ago. */
function hasEpochBegun(image: SparseImage, superblock: Superblock): boolean {
  const { layout, doubleWrite, epochs, windowPages } = superblock;
  const { epoch, firstPageSeq } = epochs.at(-1)!;
  const extents = [layout.extents.ring, ...(doubleWrite === 'full' ? [mirrorExtent(layout)] : [])];
  const pages = extents.flatMap((extent) => pagesOn(image, superblock, extent));
  return pages
    .filter(({ header }) => header.epoch === epoch)
    .some(
      ({ header: { pageSeq } }) =>
        pageSeq === firstPageSeq || pageSeq >= firstPageSeq + windowPages,
    );
}
