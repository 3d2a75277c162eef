import type {
  DurabilityContract,
  FaultClass,
  FaultFiring,
  FaultPromise,
  Scenario,
} from '../contract/index.ts';
import { hasHistory } from './real-crashes.ts';

/** What a contract says of faults, be it of blocks or of files. */
type Promises = Pick<DurabilityContract, 'promises'>;

const strength = { survives: 2, detects: 1, nothing: 0 } as const;

export function weakerPromise(one: FaultPromise, other: FaultPromise): FaultPromise {
  return strength[other.level] < strength[one.level] ? other : one;
}

/**
 * What the engine owes after a power cut (or a kill: `ending`) that came after these faults: the
 * weakest of its promises about them. An exception of any of them stays in force, since each fault may have used it.
 */
export function promiseInForce(
  contract: Promises,
  firings: readonly FaultFiring[],
  ending: FaultClass = 'power-loss',
): FaultPromise {
  let weakest = promiseFor(contract, { faultClass: ending });
  let except = weakest.except;
  for (const firing of firings) {
    const promise = promiseFor(contract, firing);
    weakest = weakerPromise(weakest, promise);
    except ??= promise.except;
  }
  return except === undefined ? weakest : { ...weakest, except };
}

function promiseFor(
  contract: Promises,
  firing: Pick<FaultFiring, 'faultClass' | 'area'>,
): FaultPromise {
  const promise = contract.promises[firing.faultClass];
  if (!('byArea' in promise)) return promise;
  return (
    promise.byArea[firing.area ?? 'other'] ?? {
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
  contract: Promises,
  firings: readonly FaultFiring[],
): FaultPromise {
  const isKill = !hasHistory(scenario) && !firings.some(isPowerLoss);
  const ending = isKill ? 'process-kill' : 'power-loss';
  const promise = promiseInForce(contract, firings, ending);
  if (scenario.expect.verdict === 'pass') return promise;
  return { level: 'survives', citation: `claimed by the scenario: ${scenario.expect.why}` };
}

/** Without a history to make crash states of, power is lost by device-mapper or with the machine, or not at all. */
function isPowerLoss({ faultClass }: FaultFiring): boolean {
  return faultClass === 'power-loss';
}
