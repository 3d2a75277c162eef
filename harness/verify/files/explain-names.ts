/** Says what is wrong with the names of a tree that are not those of any step that may show. */
import type { FilePath, ObservedEntry, Violation, ViolationKind } from '../../contract/index.ts';
import { entryOf, tooEarly, violationOf, type FileCrash } from './file-crash.ts';
import { describeFileOp } from './file-wording.ts';
import { stateAt, type ModelNode, type Step } from './namespace-history.ts';

/** Of the steps that may show, the one from which the fewest names differ. */
export interface NearestStep {
  readonly step: Step;
  readonly differing: ReadonlySet<FilePath>;
}

export class NameExplainer {
  readonly #crash: FileCrash;
  /** The names that are durable, and the last that may be there. */
  readonly #low: Step;
  readonly #high: Step;

  constructor(crash: FileCrash, low: Step, high: Step) {
    this.#crash = crash;
    this.#low = low;
    this.#high = high;
  }

  wentBack(step: Step): Violation {
    const { opOf, changedPaths } = this.#crash.timeline.names;
    const gone = opOf.slice(step + 1, this.#low + 1);
    const first = entryOf(this.#crash, gone[0]!);
    return violationOf(this.#crash, {
      kind: 'lost',
      path: changedPaths[step + 1]?.[0] ?? '',
      ops: gone,
      expected: `the names that ${describeFileOp(entryOf(this.#crash, gone.at(-1)!))} left, which are durable, or later ones`,
      found: `the names from before ${describeFileOp(first)}`,
    });
  }

  tooEarly(step: Step): Violation {
    const { opOf, changedPaths } = this.#crash.timeline.names;
    const op = opOf[step]!;
    const found = `the names that ${describeFileOp(entryOf(this.#crash, op))} leaves`;
    return tooEarly(this.#crash, { path: changedPaths[step]?.[0] ?? '', ops: [op], found });
  }

  differences({ step, differing }: NearestStep): Violation[] {
    const gone = new Set([...differing].filter((path) => !this.#crash.tree.has(path)));
    return [...differing]
      .filter((path) => !isBelow(path, gone) && !this.#isHidden(path))
      .map((path) => this.#difference(path, step));
  }

  nearest(): NearestStep {
    const { names } = this.#crash.timeline;
    const from = Math.min(this.#low, this.#high);
    const differing = new Set<FilePath>();
    for (const path of new Set([...names.paths, ...this.#crash.tree.keys()])) {
      if (this.#differs(path, from)) differing.add(path);
    }
    let best = { step: from, differing: new Set(differing) };
    for (let step = from + 1; step <= this.#high; step++) {
      for (const path of names.changedPaths[step]!) {
        if (this.#differs(path, step)) differing.add(path);
        else differing.delete(path);
      }
      if (differing.size <= best.differing.size) best = { step, differing: new Set(differing) };
    }
    return best;
  }

  #differs(path: FilePath, step: Step): boolean {
    const node = this.#crash.timeline.names.nodeOf(path, step);
    const entry = this.#crash.tree.get(path);
    if (entry?.kind === 'unreadable') return node === undefined;
    return entry === undefined ? node !== undefined && !this.#isHidden(path) : !isLike(node, entry);
  }

  /** Whether it lies in a directory that cannot be read. */
  #isHidden(path: FilePath): boolean {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      if (this.#crash.tree.get(path.slice(0, slash))?.kind === 'unreadable') return true;
    }
    return false;
  }

  #difference(path: FilePath, step: Step): Violation {
    const { names } = this.#crash.timeline;
    const state = stateAt(names.pathStates(path), step);
    const entry = this.#crash.tree.get(path);
    const ops = state === undefined ? [] : [names.opOf[state.step]!];
    const by = ops.map((op) => `, by ${describeFileOp(entryOf(this.#crash, op))}`).join('');
    const expected = state?.node === undefined ? `no such name${by}` : `${nounOf(state.node)}${by}`;
    const found = entry === undefined ? 'no such name' : nounOf(entry);
    const kind = this.#kindOf(path, state?.node, entry);
    return violationOf(this.#crash, { kind, path, ops, expected, found });
  }

  #kindOf(
    path: FilePath,
    owed: ModelNode | undefined,
    shown: ObservedEntry | undefined,
  ): ViolationKind {
    const isSettled = !this.#changesWithin(path);
    if (shown === undefined) return isSettled ? 'lost' : 'reordered';
    const wasThere = this.#crash.timeline.names
      .pathStates(path)
      .some(({ step, node }) => step <= this.#high && isLike(node, shown));
    if (!wasThere) return 'corrupt';
    if (!isSettled) return 'reordered';
    return owed === undefined ? 'resurrected' : 'stale';
  }

  /** Whether the path had more than one state at the steps that may show. */
  #changesWithin(path: FilePath): boolean {
    return this.#crash.timeline.names
      .pathStates(path)
      .some(({ step }) => step > this.#low && step <= this.#high);
  }
}

function isBelow(path: FilePath, directories: ReadonlySet<FilePath>): boolean {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    if (directories.has(path.slice(0, slash))) return true;
  }
  return false;
}

export function isLike(node: ModelNode | undefined, entry: ObservedEntry): boolean {
  if (node?.kind !== entry.kind) return false;
  return node.kind !== 'symlink' || (entry.kind === 'symlink' && node.target === entry.target);
}

export function nounOf(entry: ModelNode | ObservedEntry): string {
  switch (entry.kind) {
    case 'file':
      return 'a file';
    case 'directory':
      return 'a directory';
    case 'symlink':
      return `a symlink to ${entry.target}`;
    case 'unreadable':
      return `an entry that cannot be read (${entry.errno})`;
  }
}
