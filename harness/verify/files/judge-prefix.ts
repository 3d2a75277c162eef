/**
 * Names under one ordered log: they must be those of one step, from the last that is durable to the last
 * that was invoked. Where several steps have these names, the one is taken under which the fewest
 * violations remain. Where none has them, the nearest is, and what differs from it is named.
 */
import type { FilePath, ObservedEntry, OpId, Violation } from '../../contract/index.ts';
import { identifyBytes } from '../../ledger/file-pattern.ts';
import {
  convicted,
  isAcknowledged,
  isBetter,
  join,
  nothingFound,
  violationOf,
  type FileCrash,
  type Findings,
} from './file-crash.ts';
import { isLike, NameExplainer } from './explain-names.ts';
import { judgeContent } from './judge-content.ts';
import {
  addToDigest,
  stateAt,
  syncedStepBy,
  type FileNode,
  type ModelNode,
  type Step,
  type TreeDigest,
} from './namespace-history.ts';

/** Of steps that the contents rule out, so many are looked at, to say what is wrong. */
const ruledOutMax = 8;

export function judgePrefix(crash: FileCrash): Findings {
  return new PrefixJudge(crash).judge();
}

class PrefixJudge {
  readonly #crash: FileCrash;
  readonly #contents = new Map<FilePath, Map<string, Findings>>();
  readonly #nodeNumbers = new Map<ModelNode, number>();
  /** The names that are durable, and the last that may be there. */
  readonly #low: Step;
  readonly #high: Step;

  constructor(crash: FileCrash) {
    const { contract, timeline, window, now } = crash;
    this.#crash = crash;
    this.#low = contract.syncsAreDurable
      ? syncedStepBy(timeline.prefixes[contract.fsyncCovers], window.last)
      : 0;
    this.#high = timeline.names.stepAt(now);
  }

  judge(): Findings {
    const alike = this.#stepsAlike();
    const within = alike.filter((step) => step >= this.#low && step <= this.#high);
    if (within.length > 0) return this.#orWentBack(this.#judgeBest(within), alike);
    if (alike.length > 0) return this.#judgeOther(alike);
    return this.#judgeNearest();
  }

  /** A tree that is exactly an older one is that one, rather than a later one with much wrong in it. */
  #orWentBack(findings: Findings, alike: readonly Step[]): Findings {
    if (findings.badness === 0) return findings;
    const older = this.#likeliestFirst(alike.filter((step) => step < this.#low));
    const step = older.find((other) => this.#judgeAt(other).badness === 0);
    return step === undefined ? findings : this.#judgeOther([step]);
  }

  /** Steps that have exactly the names, kinds and targets of the tree. */
  #stepsAlike(): Step[] {
    const { tree, timeline } = this.#crash;
    const digest: TreeDigest = { low: 0, high: 0, count: 0 };
    for (const [path, entry] of tree) {
      if (entry.kind === 'unreadable') return [];
      addToDigest(digest, path, entry, 1);
    }
    return timeline.names.stepsWith(digest).filter((step) => this.#hasNamesOf(step));
  }

  #hasNamesOf(step: Step): boolean {
    for (const [path, entry] of this.#crash.tree) {
      if (!isLike(this.#crash.timeline.names.nodeOf(path, step), entry)) return false;
    }
    return true;
  }

  #judgeBest(steps: readonly Step[]): Findings {
    let best: Findings | undefined;
    for (const step of this.#likeliestFirst(steps)) {
      const findings = this.#judgeAt(step);
      if (best === undefined || isBetter(findings, best)) best = findings;
      if (best.badness === 0) break;
    }
    return best!;
  }

  /**
   * The latest is the likeliest. Where files have bytes that say who wrote them, a step is ruled out at
   * which another file had that name, unless the contract lets such bytes show; a few are looked at all
   * the same, for the case that all are ruled out.
   */
  #likeliestFirst(steps: readonly Step[]): Step[] {
    const latest = steps.toReversed();
    if (this.#crash.contract.unsyncedData === 'anything' || steps.length <= ruledOutMax) {
      return latest;
    }
    const writers = this.#firstWriters();
    const byWriters = latest.filter((step) =>
      writers.every(([path, node]) => this.#nodeAt(path, step) === node),
    );
    return [...byWriters, ...latest.slice(0, ruledOutMax)];
  }

  /** By path, the file that the first bytes under that name were written to. */
  #firstWriters(): (readonly [FilePath, FileNode])[] {
    const { tree, timeline, model } = this.#crash;
    const writers: (readonly [FilePath, FileNode])[] = [];
    for (const [path, entry] of tree) {
      if (entry.kind !== 'file' || entry.content.length === 0) continue;
      const first = identifyBytes(entry.content, model.ledger.seed, 0);
      const node = first.kind === 'written' ? timeline.fileOf.get(first.op) : undefined;
      if (node !== undefined) writers.push([path, node]);
    }
    return writers;
  }

  #judgeAt(step: Step): Findings {
    const parts: Findings[] = [this.#lostNames(step)];
    const paths = new Map<number, FilePath>();
    for (const [path, entry] of this.#crash.tree) {
      const node = this.#crash.timeline.names.nodeOf(path, step);
      if (entry.kind !== 'file' || node?.kind !== 'file') continue;
      const first = paths.get(entry.inode);
      paths.set(entry.inode, first ?? path);
      const other = first === undefined ? node : this.#nodeAt(first, step);
      if (other === node && first !== undefined) continue;
      parts.push(this.#judgeFile(path, entry, node, step));
      if (other !== node) parts.push(this.#sharedInode(path, first!, step));
    }
    parts.push(this.#judgeIdentity(step));
    return join(parts);
  }

  #nodeAt(path: FilePath, step: Step): ModelNode | undefined {
    return this.#crash.timeline.names.nodeOf(path, step);
  }

  #judgeFile(
    path: FilePath,
    entry: Extract<ObservedEntry, { kind: 'file' }>,
    node: FileNode,
    step: Step,
  ): Findings {
    const carriedAt = this.#crash.contract.renameCarriesData
      ? (stateAt(node.carried, step)?.at ?? 0)
      : 0;
    let known = this.#contents.get(path);
    if (known === undefined) {
      known = new Map();
      this.#contents.set(path, known);
    }
    const key = `${this.#numberOf(node)}:${carriedAt}`;
    let findings = known.get(key);
    if (findings === undefined) {
      findings = judgeContent(this.#crash, { path, node, content: entry.content, carriedAt });
      known.set(key, findings);
    }
    return findings;
  }

  #numberOf(node: ModelNode): number {
    let number = this.#nodeNumbers.get(node);
    if (number === undefined) {
      number = this.#nodeNumbers.size;
      this.#nodeNumbers.set(node, number);
    }
    return number;
  }

  /** Names of one file must be names of one file, with as many links as it has names. */
  #judgeIdentity(step: Step): Findings {
    const violations: Violation[] = [];
    const inodes = new Map<ModelNode, { inode: number; path: FilePath }>();
    for (const [path, entry] of this.#crash.tree) {
      const node = this.#nodeAt(path, step);
      if (entry.kind !== 'file' || node?.kind !== 'file') continue;
      const first = inodes.get(node);
      if (first === undefined) inodes.set(node, { inode: entry.inode, path });
      else if (first.inode !== entry.inode) {
        violations.push(
          violationOf(this.#crash, {
            kind: 'inconsistent',
            path,
            ops: this.#opsOn(path, step),
            expected: `another name of ${first.path}`,
            found: 'a file of its own',
          }),
        );
      }
    }
    return convicted(violations);
  }

  #sharedInode(path: FilePath, other: FilePath, step: Step): Findings {
    const violation = violationOf(this.#crash, {
      kind: 'inconsistent',
      path,
      ops: [...this.#opsOn(path, step), ...this.#opsOn(other, step)],
      expected: 'a file of its own',
      found: `another name of ${other}`,
    });
    return convicted([violation]);
  }

  /** The operation that gave the path what it has at the step. */
  #opsOn(path: FilePath, step: Step): OpId[] {
    const { names } = this.#crash.timeline;
    const state = stateAt(names.pathStates(path), step);
    return state === undefined ? [] : [names.opOf[state.step]!];
  }

  /** Operations on names that were acknowledged and not durable, and are gone. */
  #lostNames(step: Step): Findings {
    if (step >= this.#high) return nothingFound;
    const lost = new Set<OpId>();
    for (let later = step + 1; later <= this.#high; later++) {
      const op = this.#crash.timeline.names.opOf[later]!;
      if (isAcknowledged(this.#crash, op)) lost.add(op);
    }
    return lost.size === 0 ? nothingFound : { ...nothingFound, lost };
  }

  /** The names are those of a moment that is ruled out: before what was synced, or not yet come. */
  #judgeOther(steps: readonly Step[]): Findings {
    const older = steps.findLast((step) => step < this.#low);
    const step = older ?? steps[0]!;
    const explainer = this.#explainer();
    const violation = older === undefined ? explainer.tooEarly(step) : explainer.wentBack(step);
    return join([convicted([violation]), this.#judgeAt(step)]);
  }

  /** No step has these names: compares them with those of the step from which the fewest differ. */
  #judgeNearest(): Findings {
    const explainer = this.#explainer();
    const nearest = explainer.nearest();
    return join([convicted(explainer.differences(nearest)), this.#judgeAt(nearest.step)]);
  }

  #explainer(): NameExplainer {
    return new NameExplainer(this.#crash, this.#low, this.#high);
  }
}
