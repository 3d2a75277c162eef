/**
 * A scenario of a file system in machines that are killed, one a round: the file system is made, mounted and worked on
 * by the kernel of a guest whose drive is the twin. The guest's death leaves a history of all that had reached the
 * drive, and the crash states of that are mounted and judged here, as those of rig fuse are.
 */
import type { Failure } from '../../contract/index.ts';
import type { CellAccount } from '../cell-account.ts';
import type { FileRoundRecord } from '../files/file-round.ts';
import { judgeFileRounds } from '../files/run-files.ts';
import { saveFileRound } from '../files/saved-file-round.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { ResourceLedger } from '../resources.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { TimeLimit } from '../time-limit.ts';
import { consoleFileOf } from './machine-console.ts';
import { onceMoreAfterCrash } from './process-crash.ts';
import { recordKilledFiles, type RecordKilledOptions } from './record-killed-files.ts';

export async function runFilesOnKilledMachine(
  ready: ReadyFileScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  const records = recordRounds(ready, context, deadline, resources);
  return await judgeFileRounds(ready, context, account, deadline, records);
}

async function* recordRounds(
  ready: ReadyFileScenario,
  context: CellContext,
  deadline: Deadline,
  resources: ResourceLedger,
): AsyncGenerator<FileRoundRecord> {
  const { limits, explore } = ready.scenario;
  const { id: cell, directory } = context;
  using limit = new TimeLimit(context.signal, limits.durationMs);
  const onNote = (text: string): void => {
    context.emit({ type: 'note', text });
  };
  for (let round = 0; round < explore.rounds && deadline() === undefined; round++) {
    const options: RecordKilledOptions = {
      ready,
      round,
      resources,
      stop: limit.signal,
      consoleFile: consoleFileOf(context, resources),
      onNote,
      onProgress: (done, total) => {
        context.emit({ type: 'progress', cell, phase: 'workload', done, total });
      },
    };
    const record = await onceMoreAfterCrash(() => recordKilledFiles(options), onNote);
    if (record === undefined) return;
    if (directory !== undefined) saveFileRound(directory, cell, record);
    for (const firing of record.firings) context.emit({ type: 'fault-fired', cell, firing });
    yield record;
  }
}
