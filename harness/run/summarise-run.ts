import type { CellResult, HostFacts, RunSummary, Verdict } from '../contract/index.ts';
import { effectiveVerdict, exitCodeOf, mergeVerdicts } from '../verify/merge-verdicts.ts';

export interface RunFacts {
  readonly runId: string;
  readonly toolVersion: string;
  readonly startedAt: string;
  readonly tookMs: number;
  readonly command: string;
  readonly seed: number;
  readonly host: HostFacts;
  readonly expectedCells: readonly string[];
}

/**
 * The verdict of a run over its cells. A planned cell without a result is inconclusive, and so is one
 * that was skipped: what was asked for is not known. A run that was
 * interrupted exits as a process that the signal ended (128 and its number), unless it had already
 * found a failure: that stands, whatever else is missing.
 */
export function summariseRun(
  facts: RunFacts,
  cells: readonly CellResult[],
  signal: Pick<AbortSignal, 'aborted' | 'reason'>,
): RunSummary {
  const verdicts = cells.map((cell) => named(cell.id, withoutSkips(effectiveVerdict(cell))));
  const present = new Set(cells.map(({ id }) => id));
  const missing = facts.expectedCells.filter((id) => !present.has(id));
  if (missing.length > 0) {
    const why = signal.aborted ? 'the run was interrupted' : 'no result was written';
    verdicts.push({ status: 'inconclusive', reason: `${why}: ${missing.join(', ')} missing` });
  }
  const verdict = mergeVerdicts(verdicts);
  return {
    schemaVersion: 1,
    runId: facts.runId,
    toolVersion: facts.toolVersion,
    startedAt: facts.startedAt,
    tookMs: facts.tookMs,
    command: facts.command,
    seed: facts.seed,
    host: facts.host,
    expectedCells: facts.expectedCells,
    cells,
    verdict: verdict.status === 'pass' ? { ...verdict, reason: describePass(cells) } : verdict,
    exitCode:
      signal.aborted && verdict.status !== 'fail'
        ? interruptedExitCode(signal.reason)
        : exitCodeOf(verdict),
  };
}

function interruptedExitCode(reason: unknown): number {
  return reason === 'SIGTERM' ? 143 : 130;
}

function withoutSkips(verdict: Verdict): Verdict {
  if (verdict.status !== 'skip') return verdict;
  return { status: 'inconclusive', reason: `skipped, ${verdict.reason}` };
}

function named(cell: string, verdict: Verdict): Verdict {
  return { ...verdict, reason: `${cell}: ${verdict.reason}` };
}

function describePass(cells: readonly CellResult[]): string {
  const expected = cells.filter(({ verdict }) => verdict.status === 'fail').length;
  const passed = `${cells.length - expected} passed`;
  return expected === 0 ? passed : `${passed}, ${expected} failed as expected`;
}
