/**
 * One scenario of rig vm whose fault is the death of the machine. The engine's process runs in a guest,
 * which is killed in the middle of the workload; it is booted again from the same drives, recovers the
 * engine and reads everything back. What was acknowledged is known to this process, outside of it all.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Failure } from '../../contract/index.ts';
import type { CellAccount } from '../cell-account.ts';
import type { AnyReadyScenario } from '../plugin-sources.ts';
import { requireMachineKill } from '../real-crashes.ts';
import { ResourceLedger } from '../resources.ts';
import { runKills } from '../run-on-device.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { TimeLimit } from '../time-limit.ts';
import { createMachineHome } from './machine-home.ts';

export async function runOnKilledMachine(
  anyReady: AnyReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  const ready = requireMachineKill(anyReady);
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

/** Beside the evidence, for whoever reads it: no verdict rests on it. */
function consoleFileOf({ directory, id }: CellContext, resources: ResourceLedger): string {
  const folder =
    directory === undefined
      ? resources.makeDirectory('console')
      : path.resolve(directory.path, 'guest');
  fs.mkdirSync(folder, { recursive: true });
  return path.join(folder, `${id}-console.log`);
}
