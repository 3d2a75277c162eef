import type { Scenario } from '../../contract/index.ts';

/** The operation, from 1, at which the scenario's cut comes. Scenarios are checked when they are loaded. */
export function cutMomentOf({ faults, limits }: Scenario): number {
  const moment = faults[0]?.at;
  return moment !== undefined && 'atOp' in moment ? moment.atOp : limits.ops;
}
