import type { EventSeq } from '../contract/index.ts';
import { addWords, deviceDigest, emptyDigest, subtractWords } from './digest.ts';
import type { History } from './history.ts';
import type { Unit, Words } from './unit.ts';
import type { ContentSpan, UnitLifetimes, UnitVersion } from './unit-versions.ts';

/** A unit as the sweep carries it through time. */
export interface LiveUnit {
  /** The candidates: the last durable version first, the newest last. */
  readonly live: UnitVersion[];
  /** How many different contents they are. */
  contents: number;
  /** How many of these were not candidates a moment ago. */
  newborn: number;
  floor: ContentSpan;
}

/** A moment at which states become legal that were not legal before. Valid during the callback. */
export interface BirthMoment {
  readonly seq: EventSeq;
  /** Units with more than one candidate content. */
  readonly open: readonly LiveUnit[];
  /** A unit that can hold nothing but newborn contents: every state of the moment is new. */
  readonly allNewborn: boolean;
  /** Digest of the state that holds the last durable contents everywhere. */
  readonly floorDigest: Words;
  /** When the first of the units outside `open` loses its contents. */
  readonly closedEnd: EventSeq;
  /** Effective flushes completed so far. */
  readonly interval: number;
}

/** The last durable contents of a unit changed. */
export interface FloorChange {
  readonly seq: EventSeq;
  readonly device: number;
  readonly unitIndex: number;
  readonly unit: Unit;
}

interface Change {
  readonly seq: EventSeq;
  readonly what: 'death' | 'applied' | 'birth';
  readonly unit: LiveUnit;
  readonly version: UnitVersion;
}

const rank = { death: 0, applied: 1, birth: 2 };

/** Walks through a history and stops wherever new crash states are born. */
export function sweepStates(
  history: History,
  lifetimes: readonly UnitLifetimes[],
  onBirth: (moment: BirthMoment) => void,
  onFloorChange?: (change: FloorChange) => void,
): void {
  new Sweep(history, lifetimes, onBirth, onFloorChange).run();
}

class Sweep {
  readonly #onBirth: (moment: BirthMoment) => void;
  readonly #onFloorChange: ((change: FloorChange) => void) | undefined;
  readonly #changes: Change[] = [];
  readonly #open = new Set<LiveUnit>();
  readonly #closed = new ClosedEnds();
  readonly #flushEnds: readonly EventSeq[];
  #floorDigest: Words;
  #interval = 0;

  constructor(
    history: History,
    lifetimes: readonly UnitLifetimes[],
    onBirth: (moment: BirthMoment) => void,
    onFloorChange: ((change: FloorChange) => void) | undefined,
  ) {
    this.#onBirth = onBirth;
    this.#onFloorChange = onFloorChange;
    this.#flushEnds = history.flushes
      .filter((flush) => flush.effect === 'persisted')
      .map((flush) => flush.completed);
    this.#floorDigest = baseDigestOf(history);
    for (const unit of lifetimes) this.#enter(unit);
    this.#changes.sort((a, b) => a.seq - b.seq || rank[a.what] - rank[b.what]);
  }

  run(): void {
    this.#onBirth(this.#momentAt(0, true));
    for (let next = 0; next < this.#changes.length;) {
      const { seq } = this.#changes[next]!;
      const touched = new Set<LiveUnit>();
      for (; this.#changes[next]?.seq === seq; next++) {
        apply(this.#changes[next]!);
        touched.add(this.#changes[next]!.unit);
      }
      this.#arriveAt(seq, touched);
    }
  }

  #enter({ versions }: UnitLifetimes): void {
    const base = versions[0]!;
    const unit = { live: [base], contents: 1, newborn: 0, floor: base.span };
    this.#closed.add(unit);
    for (const version of versions) {
      if (version !== base)
        this.#changes.push({ seq: version.birth, what: 'birth', unit, version });
      if (version !== base && version.applied > version.birth && version.applied < Infinity) {
        this.#changes.push({ seq: version.applied, what: 'applied', unit, version });
      }
      if (version.death < Infinity) {
        this.#changes.push({ seq: version.death, what: 'death', unit, version });
      }
    }
  }

  #arriveAt(seq: EventSeq, touched: ReadonlySet<LiveUnit>): void {
    let newborn = 0;
    let allNewborn = false;
    for (const unit of touched) {
      this.#refresh(unit, seq);
      newborn += unit.newborn;
      allNewborn ||= unit.newborn === unit.contents;
    }
    while (this.#flushEnds[this.#interval]! <= seq) this.#interval += 1;
    if (newborn > 0) this.#onBirth(this.#momentAt(seq, allNewborn));
    for (const unit of touched) unit.newborn = 0;
  }

  #refresh(unit: LiveUnit, seq: EventSeq): void {
    const spans = new Set<ContentSpan>();
    for (const version of unit.live) spans.add(version.span);
    unit.contents = spans.size;
    unit.newborn = 0;
    for (const span of spans) if (span.start === seq) unit.newborn += 1;
    this.#moveFloor(unit, seq);
    if (unit.contents > 1) {
      this.#open.add(unit);
    } else {
      this.#open.delete(unit);
      this.#closed.add(unit);
    }
  }

  #moveFloor(unit: LiveUnit, seq: EventSeq): void {
    const floor = unit.live[0]!.span;
    if (floor === unit.floor) return;
    this.#floorDigest = addWords(subtractWords(this.#floorDigest, unit.floor.digest), floor.digest);
    unit.floor = floor;
    const { device, unitIndex } = floor;
    this.#onFloorChange?.({ seq, device, unitIndex, unit: floor.unit });
  }

  #momentAt(seq: EventSeq, allNewborn: boolean): BirthMoment {
    return {
      seq,
      open: [...this.#open],
      allNewborn,
      floorDigest: this.#floorDigest,
      closedEnd: this.#closed.first(),
      interval: this.#interval,
    };
  }
}

function apply({ what, unit: { live }, version }: Change): void {
  const at = live.lastIndexOf(version);
  if (at >= 0) live.splice(at, 1);
  if (what === 'death') return;
  // Only rot is applied at its birth.
  if (what === 'applied' || version.applied === version.birth) insertApplied(live, version);
  else live.push(version);
}

/** In recorded order: after what is applied, before what is in flight. */
function insertApplied(live: UnitVersion[], version: UnitVersion): void {
  const inFlight = live.findIndex((other) => other.applied > version.applied);
  live.splice(inFlight < 0 ? live.length : inFlight, 0, version);
}

function baseDigestOf(history: History): Words {
  let digest = emptyDigest;
  for (const { device, base } of history.devices) {
    digest = addWords(digest, deviceDigest(device, base.digestWords()));
  }
  return digest;
}

/** Min-heap of the ends of units that hold one content only; entries that no longer hold are left. */
class ClosedEnds {
  readonly #heap: { readonly span: ContentSpan; readonly unit: LiveUnit }[] = [];

  add(unit: LiveUnit): void {
    const span = unit.floor;
    if (span.end === Infinity) return;
    const heap = this.#heap;
    let index = heap.length;
    const entry = { span, unit };
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.span.end <= span.end) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  first(): EventSeq {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return Infinity;
      if (top.unit.contents === 1 && top.unit.floor === top.span) return top.span.end;
      this.#removeTop();
    }
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.span.end < heap[child]!.span.end) child += 1;
      if (heap[child]!.span.end >= last.span.end) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
