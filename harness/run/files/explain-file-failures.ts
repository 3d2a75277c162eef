import type { Failure } from '../../contract/index.ts';
import { ledgerWindowsOf } from '../../drive/crash-windows.ts';
import { parseStateId } from '../find-state.ts';
import type { CellContext } from '../run-scenario.ts';
import type { FoundViolation } from '../tally.ts';
import type { FileExplorer } from './file-explorer.ts';
import { buildFileProof } from './file-proof.ts';

/** Adds to the worst failures what a reader needs to believe them. */
export function explainFileFailures(
  explorers: readonly FileExplorer[],
  found: readonly FoundViolation[],
  { id, directory }: Pick<CellContext, 'id' | 'directory'>,
): readonly Failure[] {
  return found.map(({ state, violation }) => ({
    violation,
    state,
    reproduce: `powercut replay ${directory?.path ?? 'RUN_DIRECTORY'}#${id}:${state}`,
    proof: proofOf(explorers, { state, violation }),
    expectedBytes: undefined,
    foundBytes: undefined,
    foundStamp: undefined,
  }));
}

function proofOf(explorers: readonly FileExplorer[], { state, violation }: FoundViolation) {
  const { round, state: index } = parseStateId(state);
  const explorer = explorers.find(({ evidence }) => evidence.round === round);
  const planned = typeof index === 'number' ? explorer?.plan.states[index] : undefined;
  if (explorer === undefined || planned === undefined) return undefined;
  const { history, ledger } = explorer.evidence;
  const windows = ledgerWindowsOf(history, planned);
  const cut = windows.find(({ window }) => window.last >= violation.position) ?? windows.at(-1)!;
  return buildFileProof(violation.ops, ledger, history, cut.lastSeq);
}
