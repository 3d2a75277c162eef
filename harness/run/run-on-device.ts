/**
 * One scenario on a real block device: the engine runs in a process of its own, which is killed in
 * the middle of the workload, again and again, or cut off from its device by dm-flakey. After each
 * crash a new process recovers the engine and reads everything back. A kill loses what the process
 * had not handed to the kernel, and nothing that the device had completed: it tests the engine's own
 * ordering, never a drive's cache. With dm-log-writes above the device, the crash states that its log
 * proves legal are explored instead, as on the twin.
 */
import { geometriesOf, type Failure } from '../contract/index.ts';
import { openTargets, type TargetDevices } from '../rigs/device.ts';
import type { CellAccount } from './cell-account.ts';
import { createProcessHome, type EngineHome } from './engine-home.ts';
import { KillRounds } from './kill-rounds.ts';
import { createMappedHome } from './mapped-home.ts';
import { openLogDevice } from './open-log-device.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { blocksCrashOf } from './real-crashes.ts';
import { recordLogBlocks } from './record-log-blocks.ts';
import { ResourceLedger } from './resources.ts';
import { judgeRounds } from './run-on-twin.ts';
import type { CellContext, Deadline } from './run-scenario.ts';
import { saveRound } from './saved-round.ts';
import { TimeLimit } from './time-limit.ts';

export async function runOnDevice(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  const crash = blocksCrashOf(ready);
  await using resources = ResourceLedger.open();
  await using targets = await openTargets(
    geometriesOf(ready.scenario),
    { main: context.devicePath, data: context.dataDevicePath },
    resources,
  );
  context.noteDevices?.(targets.main.facts, targets.data?.facts);
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  const run: DeviceRun = { ready, context, account, deadline, stop: limit.signal };
  if (crash === 'log') return await runAboveLog(run, targets, resources);
  if (crash === 'kill') return await runKills(run, createProcessHome(targets, resources));
  await using home = await createMappedHome(targets, resources);
  return await runKills(run, home);
}

export interface DeviceRun {
  readonly ready: ReadyScenario;
  readonly context: CellContext;
  readonly account: CellAccount;
  readonly deadline: Deadline;
  /** A real device gives no sign that nothing more will come: what does not answer is stopped by time. */
  readonly stop: AbortSignal;
}

export async function runKills(run: DeviceRun, home: EngineHome): Promise<readonly Failure[]> {
  const { account, deadline } = run;
  const rounds = new KillRounds({ ...run, home });
  const finished = await runRounds(rounds, run);
  if (!finished) account.gaps.add(deadline() ?? 'stopped early');
  rounds.saveLedger();
  return rounds.failures();
}

/** Answers whether all was done; stops at once, with the engine's process killed, when it must. */
async function runRounds(
  rounds: KillRounds,
  { ready, context, stop }: DeviceRun,
): Promise<boolean> {
  const total = ready.scenario.explore.rounds;
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

async function runAboveLog(
  { ready, context, account, deadline, stop }: DeviceRun,
  { main: target }: TargetDevices,
  resources: ResourceLedger,
): Promise<readonly Failure[]> {
  await using log = await openLogDevice(target, context, resources);
  return await judgeRounds(ready, context, account, deadline, async (round) => {
    const record = await recordLogBlocks({ ready, round, resources, target, log, stop });
    if (context.directory !== undefined) saveRound(context.directory, context.id, record);
    for (const firing of record.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    return record;
  });
}
