/**
 * One scenario on a real block device: the engine runs in a process of its own, which is killed in
 * the middle of the workload, again and again. After each kill a new process recovers the engine and
 * reads everything back. A kill loses what the process had not handed to the kernel, and nothing
 * that the device had completed: it tests the engine's own ordering, never a drive's cache.
 */
import { geometriesOf, type Failure } from '../contract/index.ts';
import { openTargets } from '../rigs/device.ts';
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
  await using targets = await openTargets(
    geometriesOf(ready.scenario),
    { main: context.devicePath, data: context.dataDevicePath },
    resources,
  );
  context.noteDevices?.(targets.main.facts, targets.data?.facts);
  // A real device gives no sign that nothing more will come: what does not answer is stopped by time.
  const timeLimit = AbortSignal.timeout(ready.scenario.limits.durationMs);
  const stop = AbortSignal.any([context.signal, timeLimit]);
  const rounds = new KillRounds({ ready, context, account, targets, resources, stop });
  const finished = await runRounds(rounds, ready, context, stop);
  if (!finished) account.gaps.add(deadline() ?? 'stopped early');
  rounds.saveLedger();
  return rounds.failures();
}

/** Answers whether all was done; stops at once, with the engine's process killed, when it must. */
async function runRounds(
  rounds: KillRounds,
  { scenario }: ReadyScenario,
  context: CellContext,
  stop: AbortSignal,
): Promise<boolean> {
  const total = scenario.explore.rounds;
  await rounds.format();
  for (let round = 0; round < total; round++) {
    if (stop.aborted) return false;
    context.emit({ type: 'progress', cell: context.id, phase: 'workload', done: round, total });
    await rounds.driveAndKill(round);
  }
  if (stop.aborted) return false;
  context.emit({ type: 'progress', cell: context.id, phase: 'workload', done: total, total });
  await rounds.recoverLast();
  return !stop.aborted;
}
