import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { History } from '../../../harness/drive/history.ts';
import { recoverAll, recoveredStates } from './explore.fixture.ts';
import { effective, recordText } from './model.fixture.ts';
import { runOnNew } from './script-run.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { runs, setups } from './setups.fixture.ts';

/**
 * Goal: what a journal owes of acknowledged operations, in every crash state of random scripts. Method:
 * the contents that recovery serves must be those after a prefix of the operations that holds every
 * acknowledged one (model.fixture.ts); the tests differ in what their scripts are made of.
 */
test('I1 no acknowledged operation is missing after any crash (@req A3, B1, C2, C10, D1)', async () => {
  let states = 0;
  await fc.assert(
    fc.asyncProperty(setups(), scripts({ minLength: 25, maxLength: 45 }), async (setup, steps) => {
      const run = await runOnNew({ setup, steps, seed: 1 });
      states += await recoverAll(run, { statesMax: 60 });
    }),
    runs(12),
  );
  expect(states).toBeGreaterThan(500);
});

test('I3 a record comes back under its LSN, byte for byte as it was submitted', async () => {
  let served = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 20, maxLength: 40 }, { append: 10, write: 3, release: 4, settle: 2 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 3 });
        const lsnOf = new Map(run.operations.map(({ appended, lsn }) => [appended, lsn]));
        for await (const { journal, index } of recoveredStates(run, { statesMax: 40 })) {
          for await (const { lsn, type, tenant, vshard, payload } of journal.replay()) {
            const text = recordText(type, tenant, vshard, payload);
            expect(lsnOf.get(text), `state ${index}`).toBe(lsn);
            served += 1;
          }
        }
      },
    ),
    runs(8),
  );
  expect(served).toBeGreaterThan(300);
});

test('I5 a transaction, or a write of several blocks, is there whole or not at all (@req B3)', async () => {
  let largest = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ mode: ['journal', 'ordered', 'undo-redo'], pageBytes: [4096] }),
      scripts({ minLength: 15, maxLength: 25 }, { transaction: 8, write: 3, interactive: 4 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 5 });
        const sizes = effective(run).map(({ blocks }) => blocks.size);
        largest = Math.max(largest, ...sizes);
        await recoverAll(run, { statesMax: 60 });
      },
    ),
    runs(9),
  );
  // More than the four pages of a batch hold.
  expect(largest).toBeGreaterThanOrEqual(5);
});

test('I6 operations are acknowledged in the order of their LSNs, which is that of submission', async () => {
  await fc.assert(
    fc.asyncProperty(setups(), scripts({ minLength: 30, maxLength: 50 }), async (setup, steps) => {
      const run = await runOnNew({ setup, steps, seed: 6 });
      const inLog = effective(run);
      const turns = inLog.map(({ ackedAt }) => answersBefore(run.history, ackedAt));
      expect(turns).toEqual([...turns].sort((a, b) => a - b));
      const lsns = inLog.map(({ lsn }) => lsn);
      expect(new Set(lsns).size).toBe(lsns.length);
      for (const kind of kindsIn(setup.options.mode)) {
        const submitted = inLog.filter(kind).map(({ version }) => version);
        expect(submitted).toEqual([...submitted].sort((a, b) => a - b));
      }
      await recoverAll(run, { statesMax: 15 });
    }),
    runs(14),
  );
});

/**
 * How often the drive had answered by then. What one answer makes durable is acknowledged at once; in
 * which order the callers hear of it within that turn is of no matter.
 */
function answersBefore({ events }: History, position: number): number {
  const mark = events.findIndex((event) => event.kind === 'mark' && event.position === position);
  return events.slice(0, mark).filter(({ kind }) => kind === 'complete').length;
}

type Kind = (operation: { readonly appended: string | undefined }) => boolean;

/** Changes of the volume wait for their data, or for each other; then appended records go ahead. */
function kindsIn(mode: string | undefined): readonly Kind[] {
  if (mode === 'journal') return [() => true];
  // Transactions of that mode wait for their blocks, and go ahead of each other where they share none.
  if (mode === 'undo-redo') return [({ appended }) => appended !== undefined];
  return [({ appended }) => appended === undefined, ({ appended }) => appended !== undefined];
}
