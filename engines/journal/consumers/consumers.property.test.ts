import { expect, test } from 'vitest';
import { createRandom, type DeviceGeometry } from '../../../harness/contract/index.ts';
import { planCrashStates } from '../../../harness/drive/crash-states.ts';
import type { JournalOptions } from '../config.ts';
import { driveGeometry, formattedTwin, smallOptions } from '../twin.fixture.ts';
import { joinBoth, nothingYet, recoverAll, runAndRecord } from './consumer-run.fixture.ts';

/**
 * Goal: whatever crash state a drive may legally leave, a consumer goes on after the last LSN that it
 * committed, exactly; effects that it made in one transaction with its mark are there once each; no
 * record that it has not committed is missing. Method: consumer-run.fixture.ts; rings are so small that
 * the tail passes the marks many times, and that consumers hold up the appends. Seeds are fixed.
 */
const tiny = { ringPages: 32, segmentPages: 8, batchPagesMax: 4, windowPages: 8, dataBlocks: 8 };

const cases: readonly {
  readonly name: string;
  readonly change: Partial<DeviceGeometry>;
  readonly options: JournalOptions;
}[] = [
  { name: 'journal, FUA', change: {}, options: { ...smallOptions, durability: 'fua' } },
  {
    name: 'journal, flush, 512-byte LBA, tiny ring',
    change: { supportsFua: false, logicalBlockBytes: 512 },
    options: { ...tiny, doubleWrite: 'destage' },
  },
  { name: 'undo-redo, FUA, tiny ring', change: {}, options: { ...tiny, mode: 'undo-redo' } },
  { name: 'ordered, FUA', change: {}, options: { ...smallOptions, mode: 'ordered' } },
  { name: 'journal, strict', change: {}, options: { ...smallOptions, strict: true } },
];

test.each(cases)(
  'a consumer resumes at exactly the LSN after the last committed, and its effects are there once: $name (@req C9)',
  async ({ name, change, options }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(9).fork(name);
    const base = await joinBoth(await formattedTwin(geometry, options), options);
    const run = await runAndRecord({
      image: base.fork(),
      geometry,
      options,
      random,
      appendCount: 320,
      firstNumber: 1,
      before: nothingYet,
    });
    expect(run.applied.length).toBeGreaterThan(5);
    expect(run.numbers.length).toBeGreaterThan(60);
    const plan = planCrashStates(run.history, { statesMax: 350, random: random.fork('plan') });
    expect(plan.states.length).toBeGreaterThan(250);
    for await (const state of recoverAll(run, plan, geometry, options)) {
      expect(state.problem, `state ${state.index}`).toBeUndefined();
      if (state.index % 60 !== 30) continue;
      const second = await runAndRecord({
        image: state.image.fork(),
        geometry,
        options,
        random: random.fork(`second-${state.index}`),
        appendCount: 25,
        firstNumber: 10_000,
        before: state.state,
      });
      const nested = planCrashStates(second.history, {
        statesMax: 50,
        random: random.fork(`nested-${state.index}`),
      });
      for await (const after of recoverAll(second, nested, geometry, options)) {
        expect(after.problem, `state ${state.index}, then ${after.index}`).toBeUndefined();
      }
    }
  },
);
