import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contractFor } from '../contract.ts';
import { someOf } from './damaged-states.fixture.ts';
import { crashStates, recovered, recoveredStates, type RecoveredState } from './explore.fixture.ts';
import { blockWritesOf, newestOn, superblockWritesOf } from './medium.fixture.ts';
import { finalContents, type Contents } from './model.fixture.ts';
import { openTwin } from './journals.fixture.ts';
import { runOnNew } from './script-run.fixture.ts';
import { scripts, usualWeights } from './scripts.fixture.ts';
import { plainSetup, runs, setups } from './setups.fixture.ts';

/** Goal: recovery comes to the same however often it is cut short, and serves nothing too early. */
const modes = [
  { name: 'journal', change: { mode: 'journal' } },
  { name: 'journal, 512-byte LBA, flush', change: { logicalBlockBytes: 512, cache: 'flush' } },
  { name: 'ordered', change: { mode: 'ordered', cache: 'flush' } },
  { name: 'ordered, 512-byte LBA, destage', change: { mode: 'ordered', logicalBlockBytes: 512 } },
  { name: 'undo-redo', change: { mode: 'undo-redo', cache: 'flush' } },
  { name: 'destage', change: { doubleWrite: 'destage', logicalBlockBytes: 512 } },
  { name: 'full', change: { doubleWrite: 'full', logicalBlockBytes: 512, cache: 'flush' } },
  { name: 'encrypted', change: { encrypted: true, pageBytes: 16384, cache: 'flush' } },
] as const;

test.each(modes)(
  'I9 recovery that is cut short at any of its writes, and again in the recovery after that, comes to the same: $name (@req B12)',
  async ({ change }) => {
    const setup = plainSetup(change);
    const seen = { first: 0, second: 0 };
    await fc.assert(
      fc.asyncProperty(scripts({ minLength: 15, maxLength: 25 }), async (steps) => {
        const run = await runOnNew({ setup, steps, seed: 9 });
        for (const state of someOf([...crashStates(run.history, { statesMax: 80 })], 3)) {
          const whole = await recovered(state, setup);
          await whole.journal.flush();
          for (const cut of crashStates(whole.history, { statesMax: 24 })) {
            const after = await recovered(cut, setup);
            expectSame(after, whole.contents, `state ${state.index}, then ${cut.index}`);
            seen.first += 1;
            if (cut.index % 5 !== 2) continue;
            await after.journal.flush();
            for (const again of crashStates(after.history, { statesMax: 8 })) {
              const last = await recovered(again, setup);
              expectSame(last, whole.contents, `${state.index}, ${cut.index}, ${again.index}`);
              seen.second += 1;
            }
          }
        }
      }),
      runs(2),
    );
    expect(seen.first).toBeGreaterThan(25);
    expect(seen.second).toBeGreaterThan(20);
  },
);

function expectSame(found: RecoveredState, contents: Contents, where: string): void {
  expect(found.contents, where).toEqual(contents);
}

test('I22 after a clean close nothing is replayed, whatever happens then (@req B13)', async () => {
  let states = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 10, maxLength: 20 }, { ...usualWeights, append: 0, release: 0 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 22 });
        await run.journal.close();
        const closedAt = run.history.end;
        const again = await openTwin(run.twin, setup, run.twin.platform);
        expect(again.recovery).toMatchObject({ recordsReplayed: 0, blocksWritten: 0 });
        await again.close();
        const expected = finalContents(run).blocks;
        for (const state of crashStates(run.history, { statesMax: 40, bornAfter: closedAt })) {
          const { journal, contents } = await recovered(state, setup);
          expect(journal.recovery).toMatchObject({ recordsReplayed: 0, blocksWritten: 0 });
          expect(contents.blocks).toEqual(expected);
          states += 1;
        }
      },
    ),
    runs(14),
  );
  expect(states).toBeGreaterThan(40);
});

test('I23 nothing is served before what was replayed is durable, and the claim after it', async () => {
  let replayed = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ cache: ['fua', 'flush', 'flush'] }),
      scripts({ minLength: 15, maxLength: 30 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 23 });
        for await (const state of recoveredStates(run, { statesMax: 30 })) {
          const { history, openedAt, image } = state;
          const { layout, epochs } = newestOn(image, setup.geometry);
          const claim = superblockWritesOf(history, setup.geometry).find(
            ({ superblock }) => superblock.epochs.at(-1)!.epoch > epochs.at(-1)!.epoch,
          )!;
          const { data, map } = layout.extents;
          for (const extent of [data, map]) {
            for (const { durableAt } of blockWritesOf(history, extent)) {
              expect(durableAt, `state ${state.index}`).toBeLessThan(claim.submitted);
              replayed += 1;
            }
          }
          expect(claim.durableAt).toBeLessThanOrEqual(openedAt);
        }
      },
    ),
    runs(8),
  );
  expect(replayed).toBeGreaterThan(200);
});

test('I20 recovery asks no more of the drive than the contract says, in any crash state (@req B13)', async () => {
  await fc.assert(
    fc.asyncProperty(setups(), scripts({ minLength: 20, maxLength: 40 }), async (setup, steps) => {
      const { recoveryRequestsMax } = contractFor(setup.config, { main: setup.geometry });
      const run = await runOnNew({ setup, steps, seed: 20 });
      for (const state of crashStates(run.history, { statesMax: 30 })) {
        const { history, openedAt } = await recovered(state, setup);
        const requests = history.events.filter(
          ({ kind, seq }) => kind === 'submit' && seq <= openedAt,
        );
        expect(requests.length).toBeLessThanOrEqual(recoveryRequestsMax);
      }
    }),
    runs(8),
  );
});
