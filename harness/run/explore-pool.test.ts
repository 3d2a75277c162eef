import { describe, expect, it } from 'vitest';
import type { ReadyScenario } from './plugin-sources.ts';
import { readyScenario, runInTest } from './scenario.fixture.ts';

/** A verifier from outside that throws in one of two threads, and in the other is still at work then. */
const throwing = `data:text/javascript,${encodeURIComponent(`
  import { threadId } from 'node:worker_threads';
  let seen = 0;
  const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  export default {
    kind: 'verifier', apiVersion: 1, name: 'throwing', summary: 'throws',
    verify() {
      if (++seen === 20 && threadId % 2 === 0) sleep();
      if (seen === 20 && threadId % 2 === 1) throw new Error('a bug of the verifier');
      return [];
    },
  };
`)}`;

async function cells(): Promise<readonly ReadyScenario[]> {
  const ready = await readyScenario({ explore: { rounds: 2, states: 900, nestedStates: 200 } });
  const bad = { ...ready, scenario: { ...ready.scenario, name: 'bad' } };
  return [{ ...bad, sources: { ...ready.sources, verifiers: [throwing] } }, ready];
}

describe('threads that explore', () => {
  it('are fit for the next cell after one of them has failed', async () => {
    const [, good] = await cells();
    const one = await runInTest([good!]);
    const two = await runInTest(await cells(), { jobs: 2 });
    expect(two.summary.cells[0]!.verdict).toMatchObject({
      status: 'error',
      reason: expect.stringContaining('a bug of the verifier') as string,
    });
    const states = one.directory.loadEvidence('small', 'states.jsonl');
    expect(two.directory.loadEvidence('small', 'states.jsonl').equals(states)).toBe(true);
  });
});
