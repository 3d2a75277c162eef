import { HarnessError, type Failure } from '../contract/index.ts';
import { RoundExplorer } from './explore-round.ts';
import { explainFailures } from './explain-failure.ts';
import { findState, parseStateId } from './find-state.ts';
import type { JudgedState } from './judge-windows.ts';
import { isFileScenario, loadAnySources } from './plugin-sources.ts';
import { hasHistory } from './real-crashes.ts';
import { whereTheyWere, type LocatePlugins, type RunDirectory } from './run-directory.ts';
import { roundBudget } from './run-on-twin.ts';
import { loadRound } from './saved-round.ts';

export interface Replay {
  readonly cell: string;
  readonly judged: JudgedState;
  readonly failures: readonly Failure[];
}

/**
 * Rebuilds one crash state of a saved run, byte for byte, recovers and judges it. `state` is what a
 * run prints: CELL:ROUND:STATE, with /NESTED for a crash during or after its recovery.
 */
export async function replayState(
  directory: RunDirectory,
  state: string,
  locate: LocatePlugins = whereTheyWere,
): Promise<Replay> {
  const separator = state.indexOf(':');
  const cell = state.slice(0, Math.max(separator, 0));
  if (!directory.cellIds().includes(cell)) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `"${state}" names no cell of ${directory.path}: expected CELL:ROUND:STATE with CELL one of ${directory.cellIds().join(', ')}`,
    );
  }
  const id = parseStateId(state.slice(separator + 1));
  const saved = directory.loadScenario(cell);
  if (!hasHistory(saved.scenario) || id.state === 'live') {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${state} cannot be replayed: only crash states of the twin and of a write log can be made again; powercut verify judges its evidence`,
    );
  }
  const ready = await loadAnySources(saved.scenario, locate(saved));
  if (isFileScenario(ready)) {
    const { replayFileState } = await import('./files/replay-file-state.ts');
    return replayFileState(ready, directory, cell, id);
  }
  const evidence = loadRound(directory, cell, id.round);
  const explorer = new RoundExplorer(ready, evidence, roundBudget(ready));
  const found = (await findState(explorer, id))!;
  const judged = await found.judge();
  const violations = judged.violations.map((violation) => ({ state: judged.id, violation }));
  return {
    cell,
    judged,
    failures: await explainFailures([explorer], violations, {
      id: cell,
      directory,
      signal: new AbortController().signal,
    }),
  };
}
