import { describe, expect, it } from 'vitest';
import { replayState } from './replay-state.ts';
import type { RunDirectory } from './run-directory.ts';
import { readyScenario, runInTest, type TestRun } from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const convicted = {
  engine: { ack: 'at-once' },
  explore: { rounds: 2, states: 300, nestedStates: 80 },
};

function statesOf({ directory }: TestRun, cell = 'small'): string {
  return directory.loadEvidence(cell, 'states.jsonl').toString('utf8');
}

/** What does not depend on how long anything took. */
function verdictOf({ summary }: TestRun): unknown {
  const { verdict, counts, failures, coverage, firings } = summary.cells[0]!;
  const found = failures.map(({ violation, state, proof }) => ({ violation, state, proof }));
  return { verdict, counts, found, coverage, firings };
}

function judgeAgain(directory: RunDirectory, jobs = 1): ReturnType<typeof verifyRun> {
  return verifyRun({
    directory,
    jobs,
    signal: new AbortController().signal,
    command: 'powercut verify',
    emit: () => undefined,
  });
}

describe('a run', () => {
  it('is the same byte for byte with the same seed, and another with another (@req D3)', async () => {
    const first = await runInTest([await readyScenario(convicted)]);
    const second = await runInTest([await readyScenario(convicted)]);
    const other = await runInTest([await readyScenario({ ...convicted, seed: 2 })]);
    expect(statesOf(second)).toBe(statesOf(first));
    expect(verdictOf(second)).toEqual(verdictOf(first));
    expect(statesOf(other)).not.toBe(statesOf(first));
    for (const name of ['round-0.history', 'round-1.history', 'round-0.ledger']) {
      const bytes = first.directory.loadEvidence('small', name);
      expect(second.directory.loadEvidence('small', name).equals(bytes)).toBe(true);
    }
  });

  it('is the same on one thread and on two', async () => {
    const one = await runInTest([await readyScenario(convicted)]);
    const two = await runInTest([await readyScenario(convicted)], { jobs: 2 });
    expect(statesOf(two)).toBe(statesOf(one));
    expect(verdictOf(two)).toEqual(verdictOf(one));
  });
});

describe('a saved run', () => {
  it('is judged the same again from its directory alone', async () => {
    const run = await runInTest([
      await readyScenario(convicted),
      await readyScenario({ name: 'good' }),
    ]);
    const again = await judgeAgain(run.directory);
    expect(again.exitCode).toBe(1);
    expect(again.cells.map(({ verdict }) => verdict)).toEqual(
      run.summary.cells.map(({ verdict }) => verdict),
    );
    expect(again.cells[0]!.failures).toEqual(run.summary.cells[0]!.failures);
  });

  it('gives each crash state again by its id, those after a recovery too (@req D3)', async () => {
    const { directory, ...run } = await runInTest([await readyScenario(convicted)]);
    const lines = statesOf({ directory, ...run })
      .trim()
      .split('\n');
    const states = lines.map((line) => JSON.parse(line) as [string, string, string, unknown]);
    const crashes = states.filter(([id]) => !id.endsWith('live'));
    const nested = crashes.filter(([id]) => id.includes('/'));
    const violated = crashes.filter(([, , outcome]) => outcome === 'violated');
    expect(nested.length).toBeGreaterThan(20);
    for (const list of [crashes, nested, violated]) {
      const [id, digest, outcome, windows] = list[Math.floor(list.length / 2)]!;
      const { judged } = await replayState(directory, `small:${id}`);
      expect(judged).toMatchObject({ id, digest, outcome });
      expect(judged.windows.map(({ first, last }) => [first, last])).toEqual(windows);
    }
  });

  it('explains the failure of a replayed state with its proof', async () => {
    const { directory, summary } = await runInTest([await readyScenario(convicted)]);
    const [worst] = summary.cells[0]!.failures;
    const { failures } = await replayState(directory, `small:${worst!.state}`);
    expect(failures.map(({ proof }) => proof)).toContainEqual(worst!.proof);
  });

  it('says what is wrong with an id that names no crash state of it', async () => {
    const { directory } = await runInTest([await readyScenario()]);
    await expect(replayState(directory, 'other:0:1')).rejects.toThrow(/names no cell/);
    await expect(replayState(directory, 'small:0')).rejects.toThrow(/is no crash-state id/);
    await expect(replayState(directory, 'small:0:99999')).rejects.toThrow(
      /has no crash state 99999/,
    );
    await expect(replayState(directory, 'small:0:live')).rejects.toThrow(/cannot be replayed/);
    await expect(replayState(directory, 'small:7:0')).rejects.toThrow(/round-7/);
    await expect(replayState(directory, 'small:0:0/9999')).rejects.toThrow(
      /nothing is nested|has no/,
    );
  });

  it('is inconclusive where this version comes to another verdict than the one stored', async () => {
    const { directory, summary } = await runInTest([await readyScenario()]);
    const [cell] = summary.cells;
    directory.saveResult({ ...cell!, verdict: { status: 'inconclusive', reason: 'out of time' } });
    expect(await judgeAgain(directory)).toMatchObject({ exitCode: 4 });
    directory.saveResult(cell!);
    expect(await judgeAgain(directory)).toMatchObject({ exitCode: 0 });
    directory.saveEvidence('small', 'states.jsonl', '');
    const again = await judgeAgain(directory);
    expect(again.verdict.reason).toMatch(/states came out otherwise/);
    expect(again.exitCode).toBe(4);
  });
});

describe('a crash during or after a recovery', () => {
  it('is judged only at positions from the first cut on', async () => {
    const { directory } = await runInTest([await readyScenario()]);
    const lines = directory.loadEvidence('small', 'states.jsonl').toString('utf8').split('\n');
    const states = lines
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as [string, string, string, [number, number][]]);
    const windowsOf = new Map(states.map(([id, , , windows]) => [id, windows]));
    const nested = states.filter(([id]) => id.includes('/'));
    expect(nested.length).toBeGreaterThan(10);
    for (const [id, , , windows] of nested) {
      const cut = windowsOf.get(id.slice(0, id.indexOf('/')))!.at(-1)![1];
      for (const [first, last] of windows) {
        expect(first).toBeGreaterThan(cut);
        expect(last).toBeGreaterThanOrEqual(first);
      }
    }
  });
});
