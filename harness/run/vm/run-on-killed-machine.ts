/**
 * One scenario of rig vm whose fault is the death of the machine. The engine's process runs in a guest,
 * which is killed in the middle of the workload; it is booted again from the same drives, recovers the
 * engine and reads everything back. What was acknowledged is known to this process, outside of it all.
 */
import type { Failure } from '../../contract/index.ts';
import type { CellAccount } from '../cell-account.ts';
import { isFileScenario, type AnyReadyScenario, type ReadyScenario } from '../plugin-sources.ts';
import { losesCache, requireMachineKill } from '../real-crashes.ts';
import { ResourceLedger } from '../resources.ts';
import { runKills } from '../run-on-device.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { TimeLimit } from '../time-limit.ts';
import { consoleFileOf } from './machine-console.ts';
import { createMachineHome } from './machine-home.ts';
import { runBlocksOnKilledMachine } from './run-blocks-on-killed-machine.ts';

export async function runOnKilledMachine(
  ready: AnyReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  requireMachineKill(ready);
  if (isFileScenario(ready)) {
    const { runFilesOnKilledMachine } = await import('./run-files-on-killed-machine.ts');
    return await runFilesOnKilledMachine(ready, context, account, deadline);
  }
  if (losesCache(ready.scenario))
    return await runBlocksOnKilledMachine(ready, context, account, deadline);
  return await runWithKeptCache(ready, context, account, deadline);
}

/** Booted again from the same drive, which has kept what it had completed, the engine recovers in the machine itself. */
async function runWithKeptCache(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  const stop = limit.signal;
  await using home = await createMachineHome({
    scenario: ready.scenario,
    resources,
    stop,
    consoleFile: consoleFileOf(context, resources),
    onLine: (text) => {
      context.emit({ type: 'note', text });
    },
  });
  const [main, data] = home.described;
  context.noteDevices?.(main!.facts, data?.facts);
  return await runKills({ ready, context, account, deadline, stop }, home);
}
