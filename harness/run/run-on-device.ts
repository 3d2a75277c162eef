/**
 * One scenario on a real block device: the engine runs in a process of its own, which is killed in
 * the middle of the workload, again and again. After each kill a new process recovers the engine and
 * reads everything back. A kill loses what the process had not handed to the kernel, and nothing
 * that the device had completed: it tests the engine's own ordering, never a drive's cache.
 */
import type { Failure } from '../contract/index.ts';
import { createLoopTarget, openNamedTarget, type TargetDevice } from '../rigs/device.ts';
import type { CellAccount } from './cell-account.ts';
import { KillRounds } from './kill-rounds.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { ResourceLedger } from './resources.ts';
import type { CellContext, Deadline } from './run-scenario.ts';

export async function runOnDevice(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  await using target = await openTarget(ready, context, resources);
  const rounds = new KillRounds({ ready, context, account, target, resources });
  await rounds.format();
  for (let round = 0; round < ready.scenario.explore.rounds; round++) {
    const stopped = deadline();
    if (stopped !== undefined) {
      account.gaps.add(stopped);
      break;
    }
    await rounds.driveAndKill(round);
  }
  await rounds.recoverLast();
  return rounds.failures();
}

function openTarget(
  ready: ReadyScenario,
  context: CellContext,
  resources: ResourceLedger,
): Promise<TargetDevice> {
  if (context.devicePath !== undefined) return openNamedTarget(context.devicePath);
  return createLoopTarget(ready.scenario.device, {
    makeDirectory: (name) => resources.makeDirectory(name),
    holdLoop: (backingFile) => {
      resources.hold({ kind: 'loop', backingFile });
    },
  });
}
