import type { DurabilityContract, FaultFiring, FaultPromise, Scenario } from '../contract/index.ts';

const strength = { survives: 2, detects: 1, nothing: 0 } as const;

/**
 * What the engine owes after a power cut that came after these faults: the weakest of its promises
 * about them. An exception of any of them stays in force, since each fault may have used it.
 */
export function promiseInForce(
  contract: DurabilityContract,
  firings: readonly FaultFiring[],
): FaultPromise {
  let weakest = promiseFor(contract, { faultClass: 'power-loss' });
  let except = weakest.except;
  for (const firing of firings) {
    const promise = promiseFor(contract, firing);
    if (strength[promise.level] < strength[weakest.level]) weakest = promise;
    except ??= promise.except;
  }
  return except === undefined ? weakest : { ...weakest, except };
}

function promiseFor(
  contract: DurabilityContract,
  firing: Pick<FaultFiring, 'faultClass' | 'area'>,
): FaultPromise {
  const promise = contract.promises[firing.faultClass];
  if (!('byArea' in promise)) return promise;
  return (
    promise.byArea[firing.area ?? ''] ?? {
      level: 'nothing',
      citation: `the engine promises nothing for ${firing.faultClass} in ${firing.area ?? 'an unnamed area'}`,
    }
  );
}

/**
 * The promise a scenario is judged by. One that expects a failure claims the full promise for a
 * known-bad set-up, and is met when the harness convicts it.
 */
export function promiseToJudgeBy(
  scenario: Scenario,
  contract: DurabilityContract,
  firings: readonly FaultFiring[],
): FaultPromise {
  const promise = promiseInForce(contract, firings);
  if (scenario.expect.verdict === 'pass') return promise;
  return { level: 'survives', citation: `claimed by the scenario: ${scenario.expect.why}` };
}
