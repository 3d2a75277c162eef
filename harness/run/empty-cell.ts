import type { CellResult, Verdict } from '../contract/index.ts';
import { shownFaults } from './arm-faults.ts';
import type { AnyReadyScenario } from './plugin-sources.ts';

export type EmptyVerdict = Verdict & { readonly status: 'skip' | 'error' | 'inconclusive' };

const noPromise = 'not judged';

/** Whether it is one of `emptyCell`: there is no evidence to judge again. */
export function isEmptyCell({ promise }: CellResult): boolean {
  return promise === noPromise;
}

/** The result of a cell that has no evidence: it was skipped, or it broke. Never a pass. */
export function emptyCell(ready: AnyReadyScenario, verdict: EmptyVerdict): CellResult {
  const { scenario } = ready;
  return {
    id: scenario.name,
    scenario,
    engine: ready.engine.name,
    workload: ready.workload.name,
    faults: shownFaults(ready),
    promise: noPromise,
    promisedDurability: undefined,
    verdict,
    expectation: scenario.expect,
    expectationMet: false,
    counts: {
      rounds: 0,
      opsInvoked: 0,
      opsAcknowledged: 0,
      opsRejected: 0,
      opsIndeterminate: 0,
      statesJudged: 0,
      imagesRecovered: 0,
      nestedStates: 0,
      statesDetected: 0,
      violations: 0,
      acknowledgedNotDurable: 0,
      exposedBlocks: 0,
    },
    firings: [],
    coverage: [],
    failures: [],
    latency: undefined,
    writeAmplification: undefined,
    recovery: undefined,
    engineFacts: undefined,
    tookMs: 0,
  };
}
