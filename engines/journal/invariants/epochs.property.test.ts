import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { outcomeOf, pageBytesOf, putPage, someOf } from './damaged-states.fixture.ts';
import { crashStates, recovered, recoverAll, type CrashedState } from './explore.fixture.ts';
import { loggedRecords, pageName } from './log-records.fixture.ts';
import { logPagesOn, newestOn, pagesOn, pageWritesOf } from './medium.fixture.ts';
import { prefixOf } from './model.fixture.ts';
import { formatted } from './journals.fixture.ts';
import { runOnNew, runScript, type ScriptRun } from './script-run.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { runs, setups, type Setup } from './setups.fixture.ts';

/**
 * Goal: what a recovery has rolled back is gone for good, and no LSN means two things. Method: crash
 * after crash, each in the states that the one before left.
 */
const crowded = { write: 10, transaction: 3, append: 3 };
const few = { write: 6, append: 3, settle: 2 };

test('I2 what one recovery did not show never shows after the next crash (@req C9)', async () => {
  let rolledBack = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 10, maxLength: 25 }, crowded),
      scripts({ minLength: 1, maxLength: 6 }, few),
      async (setup, steps, more) => {
        const run = await runOnNew({ setup, steps, seed: 2 });
        const states = [...crashStates(run.history, { statesMax: 80 })];
        for (const state of someOf(states.filter(hasDeadPages(setup)), 5)) {
          const { contents } = await recovered(state, setup);
          rolledBack += 1;
          // All that it can show from here on is what this recovery showed, and what follows.
          const second = await runScript({
            setup,
            image: state.image.fork(),
            initial: contents,
            steps: more,
            seed: state.digest,
            firstVersion: 10_000,
          });
          await recoverAll(second, { statesMax: 10 });
        }
      },
    ),
    runs(9),
  );
  expect(rolledBack).toBeGreaterThan(20);
});

/** Pages stand behind a gap: recovery gives them up, and the next epoch begins before them. */
function hasDeadPages(setup: Setup): (state: CrashedState) => boolean {
  return ({ image }) => {
    const pages = logPagesOn(image, newestOn(image, setup.geometry));
    return pages.some(
      ({ header }, index) => index > 0 && header.pageSeq > pages[index - 1]!.header.pageSeq + 1,
    );
  };
}

test('I4 LSNs rise by one within an epoch, and none is given out twice, over crash after crash', async () => {
  const plain = { encrypted: [false], doubleWrite: ['off'] } as const;
  const seen = { records: 0, rollovers: 0 };
  await fc.assert(
    fc.asyncProperty(
      setups(plain),
      scripts({ minLength: 12, maxLength: 25 }, { ...crowded, settle: 1, release: 2 }),
      scripts({ minLength: 3, maxLength: 10 }, { ...few, release: 1 }),
      async (setup, steps, more) => {
        const first = await runOnNew({ setup, steps, seed: 4 });
        const states = [...crashStates(first.history, { statesMax: 120 })];
        for (const state of [...someOf(states, 4), ...atRollovers(first, states)]) {
          const used = new Map<number, string>();
          keepUsed(used, first, state);
          await crashOn(state, first.setup, more, used);
        }
      },
    ),
    runs(10),
  );
  expect(seen.records).toBeGreaterThan(1500);
  expect(seen.rollovers).toBeGreaterThan(20);

  /** Two more epochs on what the crash left; `used` are the LSNs that the medium, or a caller, has seen. */
  async function crashOn(
    from: CrashedState,
    setup: Setup,
    more: Parameters<typeof runScript>[0]['steps'],
    used: Map<number, string>,
  ): Promise<void> {
    let state = from;
    for (const firstVersion of [1000, 2000]) {
      const { contents: initial } = await recovered(state, setup);
      const image = state.image.fork();
      const seed = state.digest;
      const run = await runScript({ setup, image, initial, steps: more, seed, firstVersion });
      const states = [...crashStates(run.history, { statesMax: 12 })];
      state = states[((2 * states.length) / 3) | 0]!;
      keepUsed(used, run, state);
    }
  }

  /** What of the run's records has an LSN that means something now. */
  function keepUsed(used: Map<number, string>, run: ScriptRun, state: CrashedState): void {
    const { base } = run.history.deviceOf(0);
    const superblock = newestOn(base, run.setup.geometry);
    const records = loggedRecords(run.history, superblock);
    seen.records += records.length;
    const lsns = records.map(({ lsn }) => lsn);
    expect(lsns).toEqual(lsns.map((_, index) => lsns[0]! + index));
    const landed = new Set(
      pagesOn(state.image, superblock).map(({ header }) => pageName(header.pageSeq, header.epoch)),
    );
    const { last } = state.windows[0]!;
    const acked = run.operations.filter(({ ackedAt }) => ackedAt <= last);
    const ackedLsn = Math.max(0, ...acked.map(({ lsn }) => lsn!));
    for (const { lsn, bytes } of records) {
      expect(used.get(lsn) ?? bytes, `LSN ${lsn} was given out before`).toBe(bytes);
    }
    for (const { lsn, bytes, page } of records) {
      if (landed.has(page) || lsn <= ackedLsn) used.set(lsn, bytes);
    }
  }

  /** Where the newest page written is the first of its segment. */
  function atRollovers(run: ScriptRun, states: readonly CrashedState[]): readonly CrashedState[] {
    const { history, setup } = run;
    const superblock = newestOn(history.deviceOf(0).base, setup.geometry);
    const heads = pageWritesOf(history, superblock).filter(({ pages }) =>
      pages.some(({ header }) => header.pageSeq % superblock.layout.segmentPages === 0),
    );
    const found = heads.flatMap(({ submitted }) =>
      states.filter(({ bornAt }) => bornAt === submitted),
    );
    seen.rollovers += found.length;
    return someOf(found, 3);
  }
});

test('I16 pages that are EMPTY, of an earlier lap, of a dead epoch or of another journal are never replayed', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      setups({ doubleWrite: ['off'], mode: ['journal', 'undo-redo'], encrypted: [false, true] }),
      scripts({ minLength: 25, maxLength: 40 }, { ...crowded, append: 0, settle: 3 }),
      scripts({ minLength: 2, maxLength: 8 }, few),
      async (setup, steps, more) => {
        const fresh = await formatted(setup);
        const foreign = await runScript({
          ...(await formatted(setup, 99)),
          setup,
          steps,
          seed: 99,
        });
        const first = await runScript({
          ...fresh,
          image: fresh.image.fork(),
          setup,
          steps,
          seed: 16,
        });
        const dead = [...crashStates(first.history, { statesMax: 60 })].findLast(
          hasDeadPages(setup),
        );
        if (dead === undefined) return;
        const { contents: initial } = await recovered(dead, setup);
        const run = await runScript({
          setup,
          image: dead.image.fork(),
          initial,
          steps: more,
          seed: 17,
          firstVersion: 1000,
        });
        const sources = {
          EMPTY: fresh.image,
          'earlier lap or dead epoch': dead.image,
          'another journal': foreign.twin.drive.image,
        };
        for (const state of someOf([...crashStates(run.history, { statesMax: 20 })], 2)) {
          for (const [kind, image] of Object.entries(sources)) {
            for (let slot = 0; slot < setup.config.ringPages; slot++) {
              const outcome = await afterPutting(run, state, slot, image);
              seen.set(`${kind}: ${outcome}`, (seen.get(`${kind}: ${outcome}`) ?? 0) + 1);
            }
          }
        }
      },
    ),
    runs(5),
  );
  const outcomes = [...seen.keys()].map((key) => key.split(': ')[1]!);
  expect([...new Set(outcomes)].sort()).toEqual(['corrupt', 'right']);
  expect(seen.size).toBeGreaterThanOrEqual(5);
});

/** Puts a page of another medium into the same slot; a page of the log that it replaces is lost. */
async function afterPutting(
  run: ScriptRun,
  state: CrashedState,
  slot: number,
  from: SparseImage,
): Promise<string> {
  const { setup } = run;
  const image = state.image.fork();
  putPage(image, setup, slot, pageBytesOf(from, setup, slot));
  const outcome = await outcomeOf(run, { ...state, image });
  if (outcome !== 'wrong') return outcome;
  // The newest page that no other names durable may be lost unnoticed; what is left is a prefix.
  const { contents } = await recovered({ ...state, image }, setup);
  const served = prefixOf(run, contents, -1, run.operations.length - 1, 0);
  expect(served, `slot ${slot} was replayed`).toBeDefined();
  return 'right';
}
