import { describe, expect, it } from 'vitest';
import type { Scenario } from '../contract/index.ts';
import { loadSources, type ReadyScenario } from './plugin-sources.ts';
import { readyScenario, runInTest, type TestRun } from './scenario.fixture.ts';

const failing = {
  engine: { ack: 'at-once' },
  limits: { ops: 200, queueDepth: 4, durationMs: 60_000 },
};

async function reproducerOf(ready: ReadyScenario): Promise<{ run: TestRun; smaller: Scenario }> {
  const run = await runInTest([ready], { formatScenario: (scenario) => JSON.stringify(scenario) });
  return { run, smaller: run.directory.loadJson('small', 'reproducer.yaml') as Scenario };
}

describe('the reproducer of a failure', () => {
  it('fails in the same way with far fewer operations, each time the same (@req D3)', async () => {
    const ready = await readyScenario(failing);
    const { run, smaller } = await reproducerOf(ready);
    expect(smaller.limits.ops).toBeLessThan(20);
    expect(smaller.seed).toBe(ready.scenario.seed);
    const again = await runInTest([await loadSources(smaller, ready.sources)]);
    const kindOf = ({ summary }: TestRun): string => summary.cells[0]!.failures[0]!.violation.kind;
    expect(kindOf(again)).toBe(kindOf(run));
    expect((await reproducerOf(ready)).smaller).toEqual(smaller);
  });

  it('names plug-ins so that they are found from wherever the file lies', async () => {
    const ready = await readyScenario(failing);
    const relative = {
      ...ready,
      scenario: { ...ready.scenario, engine: { use: './in-place.mjs' } },
    };
    const { smaller } = await reproducerOf(relative);
    expect(smaller.engine.use).toBe(ready.sources.engine);
    expect(smaller.workload.use).toBe('random-write');
  });

  it('is not looked for where the failure was expected', async () => {
    const expectation = { verdict: 'fail', kinds: ['lost', 'stale'], why: 'no flush' } as const;
    const ready = await readyScenario({ ...failing, expect: expectation });
    await expect(reproducerOf(ready)).rejects.toMatchObject({ code: 'EVIDENCE_DAMAGED' });
  });
});
