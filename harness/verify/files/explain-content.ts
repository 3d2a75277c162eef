/** Says what is wrong with the contents of a file that is not as the contract allows. */
import type { FileOp, OpId, Violation, ViolationKind } from '../../contract/index.ts';
import { cellBytes, identifyBytes, type IdentifiedBytes } from '../../ledger/file-pattern.ts';
import { durableMoment, entryOf, tooEarly, violationOf, type FileCrash } from './file-crash.ts';
import { describeBytes, describeFileOp } from './file-wording.ts';
import { explains, type UnitVersion } from './file-history.ts';
import { stateAt, type FileNode } from './namespace-history.ts';
import type { ContentToJudge } from './judge-content.ts';

export interface BadLength {
  /** Index of the length that was durable. */
  readonly start: number;
  readonly block: number;
}

/** A unit that shows none of the versions from `start` (-1: zeros) to `end`. */
export interface BadUnit {
  readonly from: number;
  readonly to: number;
  readonly versions: readonly UnitVersion[];
  readonly start: number;
  readonly end: number;
}

export function explainLength(
  crash: FileCrash,
  { path, node, content }: ContentToJudge,
  { start, block }: BadLength,
): Violation {
  const { lengths } = node.history;
  const owed = lengths[start]!;
  const shown = content.length;
  const found = `${shown} bytes`;
  const later = lengths.findIndex(
    (length, index) => index > start && explains(length, shown, block),
  );
  if (later >= 0) return tooEarly(crash, { path, ops: [lengths[later]!.at], found });
  const earlier = lengths.slice(0, start).some((length) => explains(length, shown, block));
  const kind = shown < owed.low ? 'lost' : earlier ? 'resurrected' : 'corrupt';
  const expected = `${describeLength(owed.low, owed.high)}, the length that ${describeDurable(crash, node, owed.at)}, or a later one`;
  return violationOf(crash, { kind, path, ops: [owed.at], expected, found });
}

function describeLength(low: number, high: number): string {
  return low === high ? `${low} bytes` : `${low} to ${high} bytes`;
}

function describeDurable(crash: FileCrash, node: FileNode, at: OpId): string {
  const writer = describeFileOp(entryOf(crash, at));
  const synced = durableMoment(crash, node);
  if (synced <= at || synced === node.history.created) return `${writer} gave it`;
  return `${writer} gave it, durable by ${describeFileOp(entryOf(crash, synced))}`;
}

interface Explained {
  readonly kind: ViolationKind;
  readonly ops: readonly OpId[];
  readonly expected: string;
  readonly found: string;
  readonly isTooEarly?: boolean;
}

/** One violation for each kind of damage, which names its first place. */
export function explainUnits(
  crash: FileCrash,
  file: ContentToJudge,
  units: readonly BadUnit[],
): Violation[] {
  const byKind = new Map<ViolationKind, { first: Explained; from: number; count: number }>();
  for (const unit of units) {
    const explained = new UnitExplainer(crash, file, unit).explain();
    const known = byKind.get(explained.kind);
    if (known === undefined)
      byKind.set(explained.kind, { first: explained, from: unit.from, count: 1 });
    else known.count++;
  }
  return [...byKind.values()].map(({ first, count }) => {
    const more = count > 1 ? ` (and so in ${count - 1} more places of the file)` : '';
    const finding = { ...first, path: file.path, found: `${first.found}${more}` };
    return first.isTooEarly === true ? tooEarly(crash, finding) : violationOf(crash, finding);
  });
}

class UnitExplainer {
  readonly #crash: FileCrash;
  readonly #file: ContentToJudge;
  readonly #unit: BadUnit;

  constructor(crash: FileCrash, file: ContentToJudge, unit: BadUnit) {
    this.#crash = crash;
    this.#file = file;
    this.#unit = unit;
  }

  explain(): Explained {
    const { from, to } = this.#unit;
    for (let cell = Math.floor(from / cellBytes); cell * cellBytes < to; cell++) {
      if (!this.#isAllowed(cell)) return this.#explainCell(cell);
    }
    return this.#torn();
  }

  /** Whether the cell alone is as in one of the versions that may show. */
  #isAllowed(cell: number): boolean {
    const { start, end } = this.#unit;
    for (let index = start; index <= end; index++) {
      if (this.#isAs(index, cell)) return true;
    }
    return false;
  }

  #isAs(index: number, cell: number): boolean {
    const [begin, end] = this.#boundsOf(cell);
    const bytes = this.#unit.versions[index]?.bytes;
    const { content } = this.#file;
    for (let at = begin; at < end; at++) {
      if ((bytes?.[at - this.#unit.from] ?? 0) !== content[at]) return false;
    }
    return true;
  }

  #boundsOf(cell: number): [number, number] {
    return [cell * cellBytes, Math.min((cell + 1) * cellBytes, this.#unit.to)];
  }

  #explainCell(cell: number): Explained {
    const [begin, end] = this.#boundsOf(cell);
    const place = describeBytes(begin, end - begin);
    const owed = this.#owedOps(cell);
    const expected = this.#describeOwed(cell, place);
    const shown = identifyBytes(this.#file.content, this.#crash.model.ledger.seed, cell);
    if (shown.kind === 'zeros') {
      return { kind: 'zeroed', ops: owed, expected, found: `zeros in ${place}` };
    }
    const version = this.#versionShown(cell);
    if (version !== undefined) return this.#explainVersion(version, { owed, expected, place });
    if (shown.kind === 'written') return this.#explainOther(shown, { owed, expected, place });
    const kind = this.#resemblesOwed(cell) ? 'corrupt' : 'exposed';
    const found = `bytes in ${place} that no operation of the run wrote`;
    return { kind, ops: owed, expected, found };
  }

  /** The latest version beside those allowed that has these bytes there. */
  #versionShown(cell: number): number | undefined {
    const { versions, start, end } = this.#unit;
    for (let index = versions.length - 1; index >= 0; index--) {
      if ((index < start || index > end) && this.#isAs(index, cell)) return index;
    }
    return undefined;
  }

  #explainVersion(
    index: number,
    { owed, expected, place }: { owed: readonly OpId[]; expected: string; place: string },
  ): Explained {
    const { versions, start, end } = this.#unit;
    const { at } = versions[index]!;
    const found = `what ${this.#describe(at)} left in ${place}`;
    if (index > end) return { kind: 'corrupt', ops: [at], expected, found, isTooEarly: true };
    const between = versions.slice(index + 1, start + 1).map((version) => version.at);
    const wasErased = between.some((op) => erases(entryOf(this.#crash, op).op));
    const kind = wasErased ? 'resurrected' : index === start - 1 ? 'lost' : 'stale';
    const ops = kind === 'resurrected' ? [at, ...owed] : [...owed, at];
    return { kind, ops, expected, found };
  }

  /** Bytes of an operation on another place, or on another file. */
  #explainOther(
    { op, cell }: Extract<IdentifiedBytes, { kind: 'written' }>,
    { owed, expected, place }: { owed: readonly OpId[]; expected: string; place: string },
  ): Explained {
    const node = this.#crash.timeline.fileOf.get(op);
    if (node === undefined) {
      const found = `bytes in ${place} that claim to be of operation ${op}, which wrote nothing`;
      return { kind: 'corrupt', ops: owed, expected, found };
    }
    const found = `what ${this.#describe(op)} wrote at byte ${cell * cellBytes}, in ${place}`;
    const ops = [...owed, op];
    if (op > this.#crash.now)
      return { kind: 'corrupt', ops: [op], expected, found, isTooEarly: true };
    const kind = isLive(this.#crash, node, op, cell) ? 'misdirected' : 'exposed';
    return { kind, ops, expected, found };
  }

  #torn(): Explained {
    const { from, to, start, end, versions } = this.#unit;
    const ops = versions.slice(Math.max(start, 0), end + 1).map(({ at }) => at);
    const place = describeBytes(from, to - from);
    return {
      kind: 'torn',
      ops: ops.toReversed(),
      expected: `${place} as after one of ${ops.length + (start < 0 ? 1 : 0)} operations, whole`,
      found: `parts of several: ${ops
        .map((op) => this.#describe(op))
        .slice(0, 3)
        .join(' and ')}`,
    };
  }

  /** Half of the bytes or more are as they should be: bits of it have changed. */
  #resemblesOwed(cell: number): boolean {
    const [begin, end] = this.#boundsOf(cell);
    for (let index = this.#unit.start; index <= this.#unit.end; index++) {
      const bytes = this.#unit.versions[index]?.bytes;
      if (bytes === undefined) continue;
      let same = 0;
      for (let at = begin; at < end; at++) {
        if (bytes[at - this.#unit.from] === this.#file.content[at]) same++;
      }
      if (2 * same >= end - begin) return true;
    }
    return false;
  }

  /** The operations whose effect was due there, the one that was broken first. */
  #owedOps(cell: number): OpId[] {
    const { versions, start } = this.#unit;
    const version = versions[start];
    if (version === undefined) return [];
    return [this.#writerOf(version, cell)];
  }

  #writerOf({ at, bytes }: UnitVersion, cell: number): OpId {
    if (bytes === undefined) return at;
    const { seed } = this.#crash.model.ledger;
    const local = cell - this.#unit.from / cellBytes;
    const written = identifyBytes(bytes, seed, local);
    return written.kind === 'written' ? written.op : at;
  }

  #describeOwed(cell: number, place: string): string {
    const { versions, start, end } = this.#unit;
    const version = versions[start];
    const pending = end > start ? ', or what a later one wrote' : '';
    if (version === undefined) return `zeros in ${place}${pending}`;
    const writer = this.#describe(this.#writerOf(version, cell));
    const durable = durableMoment(this.#crash, this.#file.node);
    const by = durable > version.at ? `, durable by ${this.#describe(durable)}` : '';
    return `what ${writer} put in ${place}${by}${pending}`;
  }

  #describe(op: OpId): string {
    return describeFileOp(entryOf(this.#crash, op));
  }
}

function erases({ kind }: FileOp): boolean {
  return kind === 'truncate' || kind === 'punch';
}

/** Whether the bytes are still in use where they belong: then they were not left over from there. */
function isLive(
  crash: FileCrash,
  { history, linkCounts }: FileNode,
  op: OpId,
  cell: number,
): boolean {
  const names = stateAt(linkCounts, crash.timeline.names.stepAt(crash.now));
  if (names === undefined || names.count === 0) return false;
  const unit = Math.floor((cell * cellBytes) / history.unitBytes);
  const versions = history.units[unit] ?? [];
  const current = versions.findLast(({ at }) => at <= crash.now);
  if (current?.bytes === undefined) return false;
  const local = cell - (unit * history.unitBytes) / cellBytes;
  const shown = identifyBytes(current.bytes, crash.model.ledger.seed, local);
  return shown.kind === 'written' && shown.op === op;
}
