/**
 * Judging a saved run again never makes it better than it was: a failure stands, whichever of the two
 * judgements found it, and one that is found no more, or whose evidence is gone, is no pass.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CellResult, RunSummary } from '../contract/index.ts';
import { loadSources, type ReadyScenario } from './plugin-sources.ts';
import { RunDirectory, type LocatePlugins } from './run-directory.ts';
import {
  readyScenario,
  reporterOf,
  runInTest,
  temporaryDirectory,
  type TestRun,
} from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const blankingUrl = new URL('./blanking-engine.fixture.ts', import.meta.url).href;
const small = { explore: { rounds: 1, states: 24, nestedStates: 0 } };

/** The scenario, with the engine that serves zeros after a crash. */
async function blankingScenario(): Promise<ReadyScenario> {
  const { scenario, sources } = await readyScenario(small);
  return loadSources(scenario, { ...sources, engine: blankingUrl });
}

function judgeAgain(directory: string, locate?: LocatePlugins): Promise<RunSummary> {
  return verifyRun({
    directory: RunDirectory.open(directory),
    jobs: 1,
    signal: new AbortController().signal,
    command: 'powercut verify',
    emit: () => undefined,
    ...(locate === undefined ? {} : { locate }),
  });
}

/** The same run in a checkout whose engine is another one. */
const judgedWith =
  (engine: string): LocatePlugins =>
  ({ sources }) => ({ ...sources, engine });

function cellOf({ cells }: RunSummary): CellResult {
  return cells[0]!;
}

describe('a failure that was recorded', () => {
  it('is found again from the directory alone', async () => {
    const { directory, summary } = await runInTest([await blankingScenario()]);
    const again = await judgeAgain(directory.path);
    expect(cellOf(again).verdict).toEqual(cellOf(summary).verdict);
    expect(cellOf(again).verdict.status).toBe('fail');
    expect(again.exitCode).toBe(1);
  });

  it('and is found no more is inconclusive, not a pass (@req D5)', async () => {
    const { sources } = await readyScenario(small);
    const { directory } = await runInTest([await blankingScenario()]);
    const again = await judgeAgain(directory.path, judgedWith(sources.engine));
    expect(cellOf(again).verdict.status).toBe('inconclusive');
    expect(cellOf(again).verdict.reason).toMatch(
      /^judged again it is pass with 0 violations, but the run stored fail with \d+ violations$/,
    );
    expect(cellOf(again).expectationMet).toBe(false);
    expect(again.exitCode).toBe(4);
  });

  it('stays one where it comes out with another number of violations', async () => {
    const lossy = await readyScenario({ ...small, engine: { ack: 'at-once' } });
    const { directory, summary } = await runInTest([lossy]);
    const again = await judgeAgain(directory.path, judgedWith(blankingUrl));
    expect(cellOf(again).verdict.status).toBe('fail');
    expect(cellOf(again).counts.violations).toBeGreaterThan(cellOf(summary).counts.violations);
    expect(again.exitCode).toBe(1);
  });

  it.each([
    'round-0.history',
    'round-0.ledger',
    'round-0.live.json',
    'scenario.json',
    'states.jsonl',
  ])('is never a pass without %s (@req D5)', async (name) => {
    const { directory } = await runInTest([await blankingScenario()]);
    fs.unlinkSync(path.join(directory.path, 'cells', 'small', name));
    const again = await judgeAgain(directory.path);
    expect(cellOf(again).verdict.status).toBe('inconclusive');
    expect(cellOf(again).verdict.reason).toContain(name);
    expect(cellOf(again).expectationMet).toBe(false);
    expect(again.exitCode).toBe(4);
  });

  it('without its verdict, or without its digests, cannot be judged at all (@req D5)', async () => {
    const { directory } = await runInTest([await blankingScenario()]);
    for (const name of [path.join('cells', 'small', 'verdict.json'), 'SHA256SUMS']) {
      const copy = path.join(temporaryDirectory(), 'run');
      fs.cpSync(directory.path, copy, { recursive: true });
      fs.unlinkSync(path.join(copy, name));
      await expect(judgeAgain(copy), name).rejects.toMatchObject({ code: 'EVIDENCE_DAMAGED' });
    }
  });

  it('stands though the run was interrupted before its second round', async () => {
    const run = await stoppedAfterOneRound({ ack: 'at-once' });
    expect(cellOf(run.summary).verdict.status).toBe('fail');
    const again = await judgeAgain(run.directory.path);
    expect(cellOf(again).verdict.status).toBe('fail');
    expect(cellOf(again).counts).toEqual(cellOf(run.summary).counts);
    expect(again.exitCode).toBe(1);
  });
});

describe('a pass that was recorded', () => {
  it('is a failure where judging again finds one', async () => {
    const { directory, summary } = await runInTest([await readyScenario(small)]);
    expect(summary.exitCode).toBe(0);
    const again = await judgeAgain(directory.path, judgedWith(blankingUrl));
    expect(cellOf(again).verdict.status).toBe('fail');
    expect(cellOf(again).failures[0]!.violation).toMatchObject({
      kind: 'zeroed',
      place: { kind: 'block', block: 0 },
    });
    expect(again.exitCode).toBe(1);
  });
});

describe('a run that was interrupted after one of two rounds', () => {
  it('is judged again by that round, and is no pass (@req D5)', async () => {
    const run = await stoppedAfterOneRound({});
    expect(cellOf(run.summary).verdict).toEqual({ status: 'inconclusive', reason: 'interrupted' });
    const again = await judgeAgain(run.directory.path);
    expect(cellOf(again).verdict).toEqual({
      status: 'inconclusive',
      reason: 'the run had stopped after 1 round',
    });
    expect(cellOf(again).counts).toEqual(cellOf(run.summary).counts);
  });
});

/** Interrupted at the end of the first round, once all of its states were judged. */
async function stoppedAfterOneRound(engine: Record<string, unknown>): Promise<TestRun> {
  const explore = { rounds: 2, states: 48, nestedStates: 0 };
  const controller = new AbortController();
  const interrupting = reporterOf('interrupting', (event) => {
    if (event.type === 'progress' && event.done * 2 === event.total) controller.abort('SIGINT');
  });
  return runInTest([await readyScenario({ explore, engine })], {
    reporters: [interrupting],
    signal: controller.signal,
  });
}
