/**
 * Judges what the recovery of one crash state of a file system gave, against what was asked of it and
 * what its contract promises, at every position of the window: what was acknowledged by `last` and made
 * durable is owed, what was invoked by `first` may have happened.
 *
 * The tree is held against every way in which the ledger can have come about (file-model.ts), and the
 * one is taken under which the fewest violations remain. What the promise in force excuses is decided
 * here, after that, by the rules of harness/verify/judge.ts.
 */
import type {
  CrashWindow,
  FaultPromise,
  FileLedgerView,
  FilePath,
  FileSystemContract,
  ObservedEntry,
  ObservedTree,
  OpId,
  RecoveredFiles,
  Violation,
} from '../../contract/index.ts';
import { noLosses } from '../allowed-losses.ts';
import type { Judgement } from '../judge.ts';
import { isBetter, nothingFound, type FileCrash, type Findings } from './file-crash.ts';
import { createFileModel } from './file-model.ts';
import { judgeDentries } from './judge-dentries.ts';
import { judgePrefix } from './judge-prefix.ts';

/** Everything that a verdict on one crash state rests on; all of it stands in the run directory. */
export interface FileEvidence {
  readonly contract: FileSystemContract;
  /** The weakest promise over the faults that had fired by the window. */
  readonly promise: FaultPromise;
  readonly ledger: FileLedgerView;
  readonly window: CrashWindow;
  readonly recovered: RecoveredFiles;
  /** What the workload's own invariant says of the tree, where it has one. */
  readonly invariantBroken?: string | undefined;
}

export function judgeFiles(evidence: FileEvidence): Judgement {
  const { contract, recovered } = evidence;
  if (!recovered.opened) return judged(evidence, [notOpened(evidence, recovered)], undefined);
  const tree = withoutLostAndFound(recovered.tree, contract);
  const findings = judgeTree(evidence, tree);
  const violations = [
    ...findings.violations(),
    ...unreadableEntries(evidence, tree),
    ...miscountedLinks(evidence, tree),
    ...uncleanCheck(evidence, recovered),
    ...brokenInvariant(evidence),
  ];
  return judged(evidence, violations, findings);
}

function judgeTree(evidence: FileEvidence, tree: ObservedTree): Findings {
  const { contract, ledger, window } = evidence;
  const model = createFileModel(ledger, contract.dataAtomicBytes);
  const now = model.invokedBy(window.first);
  let best: Findings | undefined;
  for (const timeline of model.timelines) {
    const crash: FileCrash = { contract, model, timeline, window, now, tree };
    const findings =
      contract.namespaceOrder === 'prefix' ? judgePrefix(crash) : judgeDentries(crash);
    if (best === undefined || isBetter(findings, best)) best = findings;
    if (best.badness === 0) break;
  }
  return best ?? nothingFound;
}

const lostAndFound = 'lost+found';

/**
 * mke2fs makes it, and no workload does. Where nothing but what was synced holds, e2fsck may put into it
 * what it found; elsewhere nothing should be in it.
 */
function withoutLostAndFound(
  tree: ObservedTree,
  { namespaceOrder }: FileSystemContract,
): ObservedTree {
  if (tree.get(lostAndFound)?.kind !== 'directory') return tree;
  const isBelow = (path: FilePath): boolean => path.startsWith(`${lostAndFound}/`);
  const kept = new Map<FilePath, ObservedEntry>();
  for (const [path, entry] of tree) {
    if (path === lostAndFound || (namespaceOrder === 'none' && isBelow(path))) continue;
    kept.set(path, entry);
  }
  return kept;
}

function notOpened(
  evidence: FileEvidence,
  { step, message }: Extract<RecoveredFiles, { opened: false }>,
): Violation {
  return violation(evidence, {
    kind: 'recovery-failed',
    place: { kind: 'recovery' },
    expected: 'the file system can be mounted, read and unmounted',
    found: `${step} failed: ${message}`,
  });
}

function unreadableEntries(evidence: FileEvidence, tree: ObservedTree): Violation[] {
  const violations: Violation[] = [];
  for (const [path, entry] of tree) {
    if (entry.kind !== 'unreadable') continue;
    violations.push(
      violation(evidence, {
        kind: 'recovery-failed',
        place: { kind: 'path', path },
        expected: 'everything that is listed can be read',
        found: entry.errno,
      }),
    );
  }
  return violations;
}

/**
 * A file has as many links as names; a directory one for each directory in it and two more, or one where
 * the file system does not count them (Btrfs).
 */
function miscountedLinks(evidence: FileEvidence, tree: ObservedTree): Violation[] {
  if (evidence.contract.namespaceOrder === 'none') return [];
  const names = new Map<number, number>();
  const directories = new Map<FilePath, number>();
  for (const [path, entry] of tree) {
    if (entry.kind === 'file') names.set(entry.inode, (names.get(entry.inode) ?? 0) + 1);
    if (entry.kind !== 'directory') continue;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    directories.set(parent, (directories.get(parent) ?? 0) + 1);
  }
  const violations: Violation[] = [];
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file' && entry.kind !== 'directory') continue;
    const { links } = entry;
    const expected =
      entry.kind === 'file' ? names.get(entry.inode)! : 2 + (directories.get(path) ?? 0);
    if (links === expected || (entry.kind === 'directory' && links === 1)) continue;
    violations.push(
      violation(evidence, {
        kind: 'inconsistent',
        place: { kind: 'path', path },
        expected: `a link count of ${expected}, as the names say`,
        found: `${links}`,
      }),
    );
  }
  return violations;
}

function uncleanCheck(
  evidence: FileEvidence,
  { check }: Extract<RecoveredFiles, { opened: true }>,
): Violation[] {
  if (check === undefined || check.clean || !evidence.contract.checkIsClean) return [];
  return [
    violation(evidence, {
      kind: 'inconsistent',
      place: { kind: 'volume' },
      expected: 'the check of the file system finds nothing to repair',
      found: check.output.trim().slice(0, 500),
    }),
  ];
}

function brokenInvariant(evidence: FileEvidence): Violation[] {
  if (evidence.invariantBroken === undefined) return [];
  return [
    violation(evidence, {
      kind: 'invariant',
      place: { kind: 'volume' },
      expected: 'the invariant of the workload holds',
      found: evidence.invariantBroken,
    }),
  ];
}

function violation(
  { window }: FileEvidence,
  found: Omit<Violation, 'ops' | 'position'>,
): Violation {
  const ops: OpId[] = [];
  return { ...found, ops, position: window.last };
}

function judged(
  evidence: FileEvidence,
  all: readonly Violation[],
  findings: Findings | undefined,
): Judgement {
  const violations: Violation[] = [];
  const excused: Violation[] = [];
  for (const found of all) (isExcused(evidence, found) ? excused : violations).push(found);
  const losses =
    findings === undefined
      ? noLosses
      : { acknowledgedNotDurable: findings.lost.size, exposedBlocks: findings.exposedBlocks };
  return { violations, excused, detected: isDetection(evidence.recovered), losses };
}

/** The file system noticed: it could not be opened, or does not let something be read. */
function isDetection(recovered: RecoveredFiles): boolean {
  if (!recovered.opened) return true;
  for (const entry of recovered.tree.values()) if (entry.kind === 'unreadable') return true;
  return false;
}

function isExcused(evidence: FileEvidence, { kind, ops }: Violation): boolean {
  const { level, except } = evidence.promise;
  if (level === 'nothing') return true;
  if (level === 'detects' && kind === 'recovery-failed') return true;
  return (
    except === 'not-carried' && (kind === 'lost' || kind === 'stale') && isNotCarried(evidence, ops)
  );
}

/** Nothing was asked after the operation was made durable that was itself made durable since. */
function isNotCarried({ ledger, window }: FileEvidence, ops: readonly OpId[]): boolean {
  const missing = ledger.entries[(ops[0] ?? 0) - 1];
  if (missing === undefined) return false;
  const syncs = ledger.entries.filter(
    ({ op, outcome, invokedAt, settledAt }) =>
      syncKinds.has(op.kind) &&
      outcome?.status === 'acknowledged' &&
      invokedAt > missing.settledAt &&
      settledAt <= window.last,
  );
  return syncs.length <= 1;
}

const syncKinds: ReadonlySet<string> = new Set(['fsync', 'fdatasync', 'sync']);
