/**
 * Names without an order between them: each name in a directory is as at some moment of its own, the
 * durable one or later. Where nothing holds but what was synced, a name with a change that is not
 * synced may also be gone.
 */
import type { FilePath, ObservedEntry, OpId, Violation } from '../../contract/index.ts';
import {
  convicted,
  entryOf,
  isBetter,
  join,
  nothingFound,
  violationOf,
  isAcknowledged,
  type FileCrash,
  type Findings,
} from './file-crash.ts';
import { describeFileOp } from './file-wording.ts';
import { judgeContent } from './judge-content.ts';
import { isLike, nounOf } from './explain-names.ts';
import {
  stateAt,
  syncedStepBy,
  type Dentry,
  type DentryState,
  type DirectoryNode,
  type ModelNode,
  type Step,
} from './namespace-history.ts';

export function judgeDentries(crash: FileCrash): Findings {
  const judge = new DentryJudge(crash);
  return join([judge.judgeDirectory('', crash.timeline.names.root), judge.judgeOwnNames()]);
}

class DentryJudge {
  readonly #crash: FileCrash;
  readonly #children = new Map<FilePath, Map<string, ObservedEntry>>();
  readonly #high: Step;
  readonly #synced: Step;
  /** What each name that shows was taken for. */
  readonly #shown = new Map<Dentry, ModelNode | undefined>();

  constructor(crash: FileCrash) {
    const { contract, timeline, window, tree, now } = crash;
    this.#crash = crash;
    this.#high = timeline.names.stepAt(now);
    this.#synced = contract.syncsAreDurable ? syncedStepBy(timeline.stepSyncs, window.last) : 0;
    for (const [path, entry] of tree) {
      const slash = path.lastIndexOf('/');
      const directory = slash < 0 ? '' : path.slice(0, slash);
      let names = this.#children.get(directory);
      if (names === undefined) {
        names = new Map();
        this.#children.set(directory, names);
      }
      names.set(path.slice(slash + 1), entry);
    }
  }

  judgeDirectory(path: FilePath, node: DirectoryNode): Findings {
    const shown = this.#children.get(path) ?? new Map<string, ObservedEntry>();
    const parts: Findings[] = [];
    for (const [name, dentry] of node.dentries) {
      parts.push(this.#judgeDentry(pathIn(path, name), dentry, shown.get(name)));
    }
    for (const [name, entry] of shown) {
      if (!node.dentries.has(name)) parts.push(this.#unknown(pathIn(path, name), entry));
    }
    return join(parts);
  }

  #judgeDentry(path: FilePath, dentry: Dentry, entry: ObservedEntry | undefined): Findings {
    const durable = this.#durableStep(dentry);
    const states = this.#statesFrom(dentry, durable);
    if (entry === undefined) return this.#judgeAbsence(path, dentry, states, durable);
    if (entry.kind === 'unreadable') return nothingFound;
    let best: { findings: Findings; node: ModelNode } | undefined;
    for (const state of states.toReversed()) {
      const { node } = state;
      if (node === undefined || !isLike(node, entry)) continue;
      const findings = join([
        this.#judgeNode(path, entry, node, state),
        this.#lostAfter(state, states),
      ]);
      if (best === undefined || isBetter(findings, best.findings)) best = { findings, node };
      if (best.findings.badness === 0) break;
    }
    this.#shown.set(dentry, best?.node);
    return best?.findings ?? this.#wrongName(path, dentry, entry, states);
  }

  #durableStep(dentry: Dentry): Step {
    const { contract, window } = this.#crash;
    if (!contract.syncsAreDurable) return 0;
    const own =
      contract.fsyncCovers === 'inode-history' ? syncedStepBy(dentry.syncs, window.last) : 0;
    const directory = syncedStepBy(dentry.directory.syncs, window.last);
    return Math.max(this.#synced, directory, own);
  }

  /** What the name may have been from its durable state on; nothing, before its first. */
  #statesFrom({ states }: Dentry, durable: Step): DentryState[] {
    const first = stateAt(states, durable) ?? { step: 0, node: undefined };
    return [first, ...states.filter(({ step }) => step > durable && step <= this.#high)];
  }

  #judgeAbsence(
    path: FilePath,
    dentry: Dentry,
    states: readonly DentryState[],
    durable: Step,
  ): Findings {
    this.#shown.set(dentry, undefined);
    const absent = states.findLast(({ node }) => node === undefined);
    if (absent !== undefined) return this.#lostAfter(absent, states);
    if (this.#crash.contract.namespaceOrder === 'none' && states.length > 1) {
      return this.#lostAfter(states[0]!, states);
    }
    const op = this.#opOf(states[0]!.step);
    const violation = violationOf(this.#crash, {
      kind: 'lost',
      path,
      ops: op === undefined ? [] : [op],
      expected: `${nounOf(states[0]!.node!)}${this.#by(op)}, durable as of step ${durable}`,
      found: 'no such name',
    });
    return convicted([violation]);
  }

  #judgeNode(
    path: FilePath,
    entry: ObservedEntry,
    node: ModelNode,
    { step }: DentryState,
  ): Findings {
    if (node.kind === 'directory') return this.judgeDirectory(path, node);
    if (node.kind !== 'file' || entry.kind !== 'file') return nothingFound;
    const carried = this.#crash.contract.renameCarriesData
      ? node.carried.find((rename) => rename.step === step)
      : undefined;
    const carriedAt = carried?.at ?? 0;
    return judgeContent(this.#crash, { path, node, content: entry.content, carriedAt });
  }

  /** Later changes of the name that were acknowledged, and do not show. */
  #lostAfter(shown: DentryState, states: readonly DentryState[]): Findings {
    const lost = new Set<OpId>();
    for (const state of states) {
      const op = this.#opOf(state.step);
      if (state.step > shown.step && op !== undefined && isAcknowledged(this.#crash, op))
        lost.add(op);
    }
    return lost.size === 0 ? nothingFound : { ...nothingFound, lost };
  }

  #wrongName(
    path: FilePath,
    dentry: Dentry,
    entry: ObservedEntry,
    states: readonly DentryState[],
  ): Findings {
    const before = dentry.states.filter(({ step }) => step <= this.#high);
    const wasThere = before.some(({ node }) => isLike(node, entry));
    const owed = states[0]!;
    const op = this.#opOf(owed.step);
    const violation = violationOf(this.#crash, {
      kind: !wasThere ? 'corrupt' : owed.node === undefined ? 'resurrected' : 'stale',
      path,
      ops: op === undefined ? [] : [op],
      expected: `${owed.node === undefined ? 'no such name' : nounOf(owed.node)}${this.#by(op)}`,
      found: nounOf(entry),
    });
    return convicted([violation]);
  }

  #unknown(path: FilePath, entry: ObservedEntry): Findings {
    const violation = violationOf(this.#crash, {
      kind: 'corrupt',
      path,
      ops: [],
      expected: 'no name that no operation made',
      found: nounOf(entry),
    });
    return convicted([violation]);
  }

  /** A synced file has at least one of the names that it had then, unless they were changed since. */
  judgeOwnNames(): Findings {
    const { contract, timeline, window } = this.#crash;
    if (contract.fsyncCovers !== 'own-name' || !contract.syncsAreDurable) return nothingFound;
    const violations: Violation[] = [];
    for (const { node, names, settledAt, step, by } of timeline.ownNameSyncs) {
      if (settledAt > window.last) break;
      const isExcused = names.some(
        (dentry) =>
          this.#shown.get(dentry) === node ||
          !this.#shown.has(dentry) ||
          dentry.states.some((state) => state.step > step && state.step <= this.#high),
      );
      if (isExcused) continue;
      const path = pathOf(names[0]!);
      violations.push(
        violationOf(this.#crash, {
          kind: 'lost',
          path,
          ops: [this.#opOf(stateAt(names[0]!.states, step)?.step ?? 0) ?? by, by],
          expected: `one of its names, durable by ${describeFileOp(entryOf(this.#crash, by))}`,
          found: 'none of them',
        }),
      );
    }
    return convicted(violations);
  }

  #opOf(step: Step): OpId | undefined {
    const op = this.#crash.timeline.names.opOf[step];
    return op === 0 ? undefined : op;
  }

  #by(op: OpId | undefined): string {
    return op === undefined ? '' : `, by ${describeFileOp(entryOf(this.#crash, op))}`;
  }
}

function pathIn(directory: FilePath, name: string): FilePath {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Where the name lies, as far as its directories still have names. */
function pathOf({ directory, name }: Dentry): FilePath {
  const [parent] = directory.names;
  return parent === undefined ? name : `${pathOf(parent)}/${name}`;
}
