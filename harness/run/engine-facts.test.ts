import { expect, it } from 'vitest';
import { alteredScenario, sessionWith } from './altered-engine.fixture.ts';
import { RunDirectory } from './run-directory.ts';
import { readyScenario, runInTest } from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const twoRounds = { explore: { rounds: 2, states: 40, nestedStates: 4 } };

it('a cell shows what its engine said of itself in its rounds, and what the engine promises', async () => {
  let opened = 0;
  const talkative = await alteredScenario(twoRounds, {
    open: async ({ asUsual, isReopened }) => {
      const session = await asUsual();
      if (isReopened) return session;
      const facts = { mode: 'in-place', round: opened++ };
      return sessionWith(session, { facts: () => facts });
    },
  });
  const { directory, summary } = await runInTest([talkative]);
  const [cell] = summary.cells;
  expect(cell?.engineFacts).toEqual({ mode: ['in-place'], round: [0, 1] });
  const { durableWhen, atomicUnit } = cell!.promisedDurability!;
  expect({ durableWhen, atomicUnit }).toEqual({ durableWhen: 'acknowledged', atomicUnit: 'block' });
  const again = await verifyRun({
    directory: RunDirectory.open(directory.path),
    jobs: 1,
    signal: new AbortController().signal,
    command: 'powercut verify',
    emit: () => undefined,
  });
  expect(again.cells[0]?.engineFacts).toEqual(cell?.engineFacts);
  expect(again.cells[0]?.promisedDurability).toEqual(cell?.promisedDurability);
});

it('an engine that says nothing has no facts, and is judged all the same', async () => {
  const { summary } = await runInTest([await readyScenario(twoRounds)]);
  expect(summary.cells[0]?.engineFacts).toBeUndefined();
  expect(summary.cells[0]?.verdict.status).toBe('pass');
});
