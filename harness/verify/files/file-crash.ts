import type {
  CrashWindow,
  FileLedgerEntry,
  FilePath,
  FileSystemContract,
  ObservedEntry,
  OpId,
  Violation,
  ViolationKind,
} from '../../contract/index.ts';
import { syncedBy, type Moment } from './file-history.ts';
import type { FileModel } from './file-model.ts';
import type { Timeline } from './replay-ledger.ts';
import type { FileNode } from './namespace-history.ts';

/** One crash state beside one way in which the ledger can have come about. */
export interface FileCrash {
  readonly contract: FileSystemContract;
  readonly model: FileModel;
  readonly timeline: Timeline;
  readonly window: CrashWindow;
  /** The last operation that may have taken effect. */
  readonly now: OpId;
  readonly tree: ReadonlyMap<FilePath, ObservedEntry>;
}

/** What is wrong with a state, and what it had lost or showed that the contract allows. */
export interface Findings {
  /** How many things are wrong; they are put into words only where the findings are kept. */
  readonly badness: number;
  violations(): readonly Violation[];
  /** Acknowledged operations that are gone. */
  readonly lost: ReadonlySet<OpId>;
  readonly exposedBlocks: number;
}

const noOps: ReadonlySet<OpId> = new Set();

export const nothingFound: Findings = {
  badness: 0,
  violations: () => [],
  lost: noOps,
  exposedBlocks: 0,
};

export function convicted(violations: readonly Violation[]): Findings {
  if (violations.length === 0) return nothingFound;
  return { ...nothingFound, badness: violations.length, violations: () => violations };
}

export function join(parts: readonly Findings[]): Findings {
  const found = parts.filter((part) => part !== nothingFound);
  if (found.length <= 1) return found[0] ?? nothingFound;
  const lost = new Set<OpId>();
  let badness = 0;
  let exposedBlocks = 0;
  for (const part of found) {
    for (const op of part.lost) lost.add(op);
    badness += part.badness;
    exposedBlocks += part.exposedBlocks;
  }
  return {
    badness,
    violations: () => found.flatMap((part) => part.violations()),
    lost,
    exposedBlocks,
  };
}

/** Whether the first is to be preferred: less is wrong, then fewer losses. */
export function isBetter(one: Findings, other: Findings): boolean {
  const less = one.badness - other.badness;
  return less < 0 || (less === 0 && one.lost.size < other.lost.size);
}

export function entryOf({ model }: Pick<FileCrash, 'model'>, op: OpId): FileLedgerEntry {
  return model.ledger.entries[op - 1]!;
}

export function isAcknowledged(crash: FileCrash, op: OpId): boolean {
  const { outcome, settledAt } = entryOf(crash, op);
  return settledAt <= crash.window.last && outcome?.status === 'acknowledged';
}

/** How many operations a violation names. */
const namedOpsMax = 8;

export interface PathFinding {
  readonly kind: ViolationKind;
  readonly path: FilePath;
  readonly ops: readonly OpId[];
  readonly expected: string;
  readonly found: string;
}

export function violationOf(crash: FileCrash, finding: PathFinding): Violation {
  const { kind, path, ops, expected, found } = finding;
  return {
    kind,
    place: { kind: 'path', path },
    ops: [...new Set(ops)].slice(0, namedOpsMax),
    expected,
    found,
    position: crash.window.last,
  };
}

/** An operation that had not been invoked when the state was left shows. */
export function tooEarly(
  crash: FileCrash,
  finding: Omit<PathFinding, 'kind' | 'expected'>,
): Violation {
  const { first } = crash.window;
  const expected = `only operations invoked by position ${first}`;
  return { ...violationOf(crash, { ...finding, kind: 'corrupt', expected }), position: first };
}

/** The moment as of which the whole file is durable. */
export function durableMoment({ contract, timeline, window }: FileCrash, node: FileNode): Moment {
  const { created, syncs } = node.history;
  if (!contract.syncsAreDurable) return created;
  return Math.max(created, syncedBy(syncs, window.last), syncedBy(timeline.syncs, window.last));
}
