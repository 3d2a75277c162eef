/**
 * A scenario of a file system on a real block device, with a device-mapper target above it: with
 * dm-log-writes every crash state that its log proves legal, with dm-flakey one cut a round.
 */
import {
  HarnessError,
  geometriesOf,
  type Failure,
  type FileSystemContract,
} from '../../contract/index.ts';
import { openTargets, type TargetDevice } from '../../rigs/device.ts';
import { eraseSignatures } from '../../rigs/erase-signatures.ts';
import { openStateMounter } from '../../rigs/mounted-states.ts';
import type { CellAccount } from '../cell-account.ts';
import type { JudgedState } from '../judge-windows.ts';
import { openLogDevice } from '../open-log-device.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { promiseToJudgeBy } from '../promise-in-force.ts';
import { logFault } from '../real-crashes.ts';
import { ResourceLedger } from '../resources.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { TimeLimit } from '../time-limit.ts';
import { claimedContract } from './file-explorer.ts';
import type { FileCut } from './file-cut.ts';
import { loadCut, saveCut } from './file-cut.ts';
import { fileOutcomesOf, gapsOfFiles } from './file-outcomes.ts';
import type { FileRoundRecord } from './file-round.ts';
import { judgeFileWindows } from './judge-file-windows.ts';
import { recordCut } from './record-cut.ts';
import { recordLog } from './record-log.ts';
import { judgeFileRounds, promisedDurability } from './run-files.ts';
import { saveFileRound } from './saved-file-round.ts';

export async function runFilesOnDevice(
  ready: ReadyFileScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  requireMappingFault(ready);
  await using resources = ResourceLedger.open();
  await using targets = await openTargets(
    geometriesOf(ready.scenario),
    { main: context.devicePath, data: undefined },
    resources,
  );
  context.noteDevices?.(targets.main.facts, undefined);
  const target = targets.main;
  const run = ready.faults[0]?.module.name === logFault ? runAboveLog : runCuts;
  try {
    return await run({ ready, context, account, deadline, resources, target });
  } finally {
    eraseSignatures(target.node, target.geometry);
  }
}

interface DeviceRun {
  readonly ready: ReadyFileScenario;
  readonly context: CellContext;
  readonly account: CellAccount;
  readonly deadline: Deadline;
  readonly resources: ResourceLedger;
  readonly target: TargetDevice;
}

async function runAboveLog(run: DeviceRun): Promise<readonly Failure[]> {
  const { ready, context, account, deadline } = run;
  await using log = await openLogDevice(run.target, context, run.resources);
  return await judgeFileRounds(ready, context, account, deadline, recordLogs(run, log));
}

async function* recordLogs(
  { ready, context, resources, target, deadline }: DeviceRun,
  log: TargetDevice,
): AsyncGenerator<FileRoundRecord> {
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  let round = 0;
  for (let n = 0; n < ready.scenario.explore.rounds && deadline() === undefined; n++) {
    const records = await recordLog({
      ready,
      round,
      resources,
      node: target.node,
      logNode: log.node,
      geometry: target.geometry,
      ...progressOf(context, limit),
    });
    for (const record of records) {
      if (context.directory !== undefined) saveFileRound(context.directory, context.id, record);
      // Recoveries are recorded on the twin, and this is for what the twin is not.
      yield { ...record, recoveryOf: () => undefined };
    }
    round += records.length;
  }
}

async function runCuts(run: DeviceRun): Promise<readonly Failure[]> {
  const { ready, context, account, deadline, resources, target } = run;
  const { rounds } = ready.scenario.explore;
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  for (let round = 0; round < rounds; round++) {
    const stopped = deadline();
    if (stopped !== undefined) {
      account.gaps.add(stopped);
      break;
    }
    const { node, geometry } = target;
    const progress = progressOf(context, limit);
    const cut = await recordCut({ ready, round, resources, node, geometry, ...progress });
    if (context.directory !== undefined) saveCut(context.directory, context.id, cut);
    for (const firing of cut.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    await addCut(ready, account, cut, resources);
    context.emit({
      type: 'progress',
      cell: context.id,
      phase: 'explore',
      done: round + 1,
      total: rounds,
    });
  }
  return cutFailures(account, context);
}

/** The cuts of a run directory, judged again. */
export async function judgeSavedCuts(
  ready: ReadyFileScenario,
  context: CellContext,
  account: CellAccount,
  rounds: number,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  for (let round = 0; round < rounds; round++) {
    await addCut(ready, account, loadCut(context.directory!, context.id, round), resources);
  }
  return cutFailures(account, context);
}

/** A cut cannot be made again to the byte: the failure names the evidence. */
function cutFailures(account: CellAccount, { directory }: CellContext): readonly Failure[] {
  return account.tally.worst().map(({ state, violation }) => ({
    violation,
    state,
    reproduce: `powercut verify ${directory?.path ?? 'RUN_DIRECTORY'}`,
    proof: undefined,
    expectedBytes: undefined,
    foundBytes: undefined,
    foundStamp: undefined,
  }));
}

/** Judges the state that a cut left and adds it to the cell, with what the round came to. */
async function addCut(
  ready: ReadyFileScenario,
  account: CellAccount,
  cut: FileCut,
  resources: ResourceLedger,
): Promise<void> {
  const contract = claimedContract(
    ready.scenario,
    ready.engine.contractFor(ready.engineConfig, cut.geometry),
  );
  const outcomes = fileOutcomesOf(cut.ledger);
  account.addRound({
    outcomes,
    latency: undefined,
    amplification: undefined,
    engineFacts: cut.engineFacts,
    firings: cut.firings,
    coverage: [],
    promise: promiseToJudgeBy(ready.scenario, contract, cut.firings),
    contract: promisedDurability(contract),
  });
  account.addState(await judgeCut(ready, contract, cut, resources));
  if (cut.gap !== undefined) account.gaps.add(cut.gap);
  for (const gap of gapsOfFiles(cut.ledger)) account.gaps.add(gap);
}

async function judgeCut(
  ready: ReadyFileScenario,
  contract: FileSystemContract,
  cut: FileCut,
  resources: ResourceLedger,
): Promise<JudgedState> {
  await using mounter = await openStateMounter({
    recipe: ready.engine.recipeFor(ready.engineConfig, cut.geometry),
    fresh: cut.fresh,
    logicalBlockBytes: cut.geometry.logicalBlockBytes,
    resources,
  });
  const { end } = cut.ledger;
  return judgeFileWindows({
    ready,
    contract,
    evidence: cut,
    id: `${cut.round}:0`,
    digest: '',
    windows: [{ window: { first: end, last: end }, firings: cut.firings }],
    recovered: await mounter.recover(cut.image),
  });
}

function progressOf(context: CellContext, limit: TimeLimit) {
  return {
    stop: limit.signal,
    onProgress: (done: number, total: number): void => {
      context.emit({ type: 'progress', cell: context.id, phase: 'workload', done, total });
    },
  };
}

/** Scenarios are checked when they are loaded; this is for those that come from elsewhere. */
function requireMappingFault({ scenario, faults }: ReadyFileScenario): void {
  if (faults.length === 1 && faults[0]!.module.layer === 'device-mapper') return;
  throw new HarnessError(
    'CONFIG_INVALID',
    `scenario ${scenario.name} has ${faults.length} faults, expected one of device-mapper: a file system on a real device is cut off by nothing else`,
  );
}
