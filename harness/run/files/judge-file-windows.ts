import type {
  CrashWindow,
  FaultPromise,
  FileSystemContract,
  InvariantContext,
  RecoveredFiles,
  Violation,
} from '../../contract/index.ts';
import type { JudgedWindow } from '../../drive/crash-windows.ts';
import { fillFileBytes } from '../../ledger/file-pattern.ts';
import { mostLosses, noLosses } from '../../verify/allowed-losses.ts';
import { judgeFiles } from '../../verify/files/judge-files.ts';
import { isUnprovoked, outcomeOf, type JudgedState } from '../judge-windows.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { promiseToJudgeBy, weakerPromise } from '../promise-in-force.ts';
import type { FileRoundEvidence } from './file-round.ts';

export interface FileStateToJudge {
  readonly ready: ReadyFileScenario;
  readonly contract: FileSystemContract;
  readonly evidence: Pick<FileRoundEvidence, 'ledger'>;
  readonly id: string;
  readonly digest: string;
  readonly windows: readonly Pick<JudgedWindow, 'window' | 'firings'>[];
  readonly recovered: RecoveredFiles;
}

/** Judges what recovery gave at every position of the ledger that can have left the state. */
export function judgeFileWindows(state: FileStateToJudge): JudgedState {
  const violations: Violation[] = [];
  let excused = 0;
  let unprovoked = 0;
  let detected = false;
  let losses = noLosses;
  let promise: FaultPromise | undefined;
  for (const { window, firings } of state.windows) {
    const inForce = promiseToJudgeBy(state.ready.scenario, state.contract, firings);
    const judgement = judgeFiles({
      contract: state.contract,
      promise: inForce,
      ledger: state.evidence.ledger,
      window,
      recovered: state.recovered,
      ...invariantAt(state, window),
    });
    promise = promise === undefined ? inForce : weakerPromise(promise, inForce);
    violations.push(...judgement.violations);
    excused += judgement.excused.length;
    if (isUnprovoked(state.ready, firings)) unprovoked += judgement.violations.length;
    detected ||= judgement.detected;
    losses = mostLosses(losses, judgement.losses);
  }
  return {
    id: state.id,
    digest: state.digest,
    windows: state.windows.map(({ window }) => window),
    outcome: outcomeOf(violations.length, excused, detected),
    violations,
    excused,
    losses,
    unprovoked,
    recoveryRequests: undefined,
    recoveryFirings: [],
    promise,
    gap: undefined,
  };
}

function invariantAt(
  { ready, recovered, evidence }: FileStateToJudge,
  window: CrashWindow,
): { invariantBroken?: string } {
  if (!recovered.opened || ready.workload.invariant === undefined) return {};
  const broken = ready.workload.invariant(
    recovered.tree,
    invariantContext(evidence, window),
    ready.workloadOptions,
  );
  return broken === undefined ? {} : { invariantBroken: broken };
}

/**
 * Everything that may have happened: what was acknowledged by the end of the window happened, and
 * the operation that was invoked by its beginning, and not acknowledged by its end, may have.
 */
function invariantContext(
  { ledger }: Pick<FileRoundEvidence, 'ledger'>,
  window: CrashWindow,
): InvariantContext {
  const ops = ledger.entries
    .filter(({ invokedAt }) => invokedAt <= window.last)
    .map(({ id, op, settledAt, outcome }) => ({
      id,
      op,
      acknowledged: settledAt <= window.last && outcome?.status === 'acknowledged',
    }));
  return {
    seed: ledger.seed,
    ops,
    bytesOf: (op, byteOffset, byteCount) => {
      const bytes = new Uint8Array(byteCount);
      fillFileBytes(bytes, { seed: ledger.seed, op, byteOffset });
      return bytes;
    },
  };
}
