/**
 * Which contents power loss may leave in each atomic unit of a drive, and when: the definition of a
 * legal crash state.
 *
 * The versions of a unit stand in recorded order, the order in which the drive applied them; the
 * base contents come first. A version has four sequence numbers:
 *
 * - birth: the submission of its write; from then on it may be on the medium. For rot, the fault.
 * - applied: the completion of its write. A write that is in flight at the end is never applied.
 * - durable: with FUA, without a volatile cache, or for rot, when it was applied; else the completion
 *   of the first flush that took effect and was submitted after it was applied.
 * - death: the first moment at which a version written later in recorded order is durable; or the
 *   completion of a failed flush that covered it before it was durable and dropped it; or, for a unit
 *   that a failed or short write did not land, the completion of that write.
 *
 * A version is a candidate at t if birth <= t < death, where t counts the events that have happened.
 * A crash state at t is the base with one candidate in each unit, in any combination. That is
 * exactly: everything durable at t plus any subset of what may be (in flight, or applied and not
 * durable), torn at the atomic unit, concurrent writes in either order.
 *
 * - A lie (a lost, torn or misdirected write answered OK) makes candidates only of what it lands.
 * - A discard makes a candidate of zeros and kills nothing: afterwards a unit holds zeros or what it
 *   could hold anyway. A version written later kills the zeros when it is durable.
 * - An answer with an error promises nothing: FUA makes nothing durable in a write that failed.
 * - A drive that keeps its power is one whose writes are durable when they are applied. If a failed
 *   flush drops writes there, both what it dropped and what was before stay candidates until then.
 *
 * Drives cut apart: a drive that lost power at c, while others kept it, has at every later t the
 * candidates that it had at c. So t is always the moment at which the last drive lost power: a state
 * at t < c is that of one cut which took all drives at t, a state at t >= c holds what c left on the
 * one and what t left on the others, in any combination. No other pair of moments is legal: after c
 * the others went on as they did only because this drive had gone.
 */
import type { EventSeq } from '../contract/index.ts';
import { deviceDigest } from './digest.ts';
import type { History, HistoryDevice, RecordedFlush, RecordedWrite } from './history.ts';
import { Unit, type Words } from './unit.ts';

/** Contents that one unit may hold from `start` until before `end`, whichever versions hold them. */
export interface ContentSpan {
  readonly device: number;
  readonly unitIndex: number;
  readonly unit: Unit;
  readonly start: EventSeq;
  readonly end: EventSeq;
  /** The write, discard or fault that first brought the contents; 0 for the base. */
  readonly source: EventSeq;
  /** What the contents add to the digest of a crash state. */
  readonly digest: Words;
}

export interface UnitVersion {
  readonly unit: Unit;
  readonly source: EventSeq;
  readonly birth: EventSeq;
  /** Infinity where it does not happen; likewise below. */
  readonly applied: EventSeq;
  readonly durable: EventSeq;
  readonly death: EventSeq;
  /** The span its contents fall in. Spans of equal contents that touch are one. */
  readonly span: ContentSpan;
}

/** The versions of a unit that anything was ever done to, the base first, in recorded order. */
export interface UnitLifetimes {
  readonly device: number;
  readonly unitIndex: number;
  readonly versions: readonly UnitVersion[];
}

type Draft = { -readonly [K in keyof UnitVersion]: UnitVersion[K] | undefined } & {
  unit: Unit;
  source: EventSeq;
  birth: EventSeq;
  applied: EventSeq;
  durable: EventSeq;
  death: EventSeq;
  kills: boolean;
};

type Drafts = Map<number, Draft[]>;

/** `cut` names the drives that lose power; undefined is all of them. */
export function unitVersionsOf(
  history: History,
  cut: readonly number[] | undefined,
): UnitLifetimes[] {
  return history.devices.flatMap((device) => {
    const losesPower = cut === undefined || cut.includes(device.device);
    const drafts = draftVersions(history, device, new Durability(history, device, losesPower));
    return [...drafts].map(([unitIndex, versions]) => finish(device, unitIndex, versions));
  });
}

/** Of what happened until the drive's own end. */
function draftVersions(history: History, device: HistoryDevice, durability: Durability): Drafts {
  const endsAt = history.cuts.get(device.device) ?? Infinity;
  const drafts: Drafts = new Map();
  for (const write of history.writes) {
    if (write.device !== device.device || write.submitted > endsAt) continue;
    draftWrite(drafts, write, durability, endsAt);
  }
  const zeros = new Unit(new Uint8Array(device.base.unitBytes));
  for (const discard of history.discards) {
    const { submitted, firstUnit, unitCount } = discard;
    if (discard.device !== device.device || submitted > endsAt) continue;
    const completed = upTo(endsAt, discard.completed);
    for (let place = 0; place < unitCount; place++) {
      draftsOf(drafts, firstUnit + place).push({
        ...unborn(zeros, submitted),
        applied: completed ?? Infinity,
      });
    }
  }
  for (const { seq, device: rotten, unitIndex, unit } of history.rots) {
    if (rotten !== device.device || seq > endsAt) continue;
    const rot = { ...unborn(unit, seq), applied: seq, durable: seq, kills: true };
    draftsOf(drafts, unitIndex).push(rot);
  }
  return drafts;
}

function draftWrite(
  drafts: Drafts,
  write: RecordedWrite,
  durability: Durability,
  endsAt: EventSeq,
): void {
  const { submitted, units, landsAtUnit, inFlight, landed } = write;
  const completed = upTo(endsAt, write.completed);
  const places = inFlight === 'all' ? units.keys() : inFlight;
  const landedPlaces = landed === 'all' ? undefined : new Set(landed);
  for (const place of places) {
    const draft = unborn(units[place]!, submitted);
    draftsOf(drafts, landsAtUnit + place).push(draft);
    if (completed === undefined) continue;
    if (landedPlaces?.has(place) === false) draft.death = completed;
    else durability.settle(draft, completed, write.durable);
  }
}

/** An answer after the drive's end is the host's own: to the drive, the request stayed in flight. */
function upTo(endsAt: EventSeq, completed: EventSeq | undefined): EventSeq | undefined {
  return completed === undefined || completed > endsAt ? undefined : completed;
}

function unborn(unit: Unit, source: EventSeq): Draft {
  return {
    unit,
    source,
    birth: source,
    applied: Infinity,
    durable: Infinity,
    death: Infinity,
    kills: false,
    span: undefined,
  };
}

function draftsOf(drafts: Drafts, unitIndex: number): Draft[] {
  let found = drafts.get(unitIndex);
  if (found === undefined) {
    found = [];
    drafts.set(unitIndex, found);
  }
  return found;
}

/** When applied writes of one drive become durable, or are dropped. */
class Durability {
  readonly #persisted: FirstCompletion;
  readonly #dropped: FirstCompletion;
  readonly #losesPower: boolean;

  constructor(history: History, { device }: HistoryDevice, losesPower: boolean) {
    const flushes = history.flushes.filter((flush) => flush.device === device);
    this.#persisted = new FirstCompletion(flushes.filter(({ effect }) => effect === 'persisted'));
    this.#dropped = new FirstCompletion(flushes.filter(({ effect }) => effect === 'dropped'));
    this.#losesPower = losesPower;
  }

  /** Fills in what follows from a write having landed at `applied`. */
  settle(draft: Draft, applied: EventSeq, durableAtOnce: boolean): void {
    const durable = durableAtOnce ? applied : this.#persisted.after(applied);
    const dropped = this.#dropped.after(applied);
    draft.applied = applied;
    if (dropped < durable) {
      draft.death = dropped;
      return;
    }
    draft.durable = this.#losesPower ? durable : applied;
    draft.kills = true;
  }
}

/** Among flushes: the earliest completion of those submitted after a moment. */
class FirstCompletion {
  readonly #submitted: readonly EventSeq[];
  /** At each place, the earliest completion from there on. */
  readonly #earliest: EventSeq[];

  constructor(flushes: readonly RecordedFlush[]) {
    const ordered = flushes.toSorted((a, b) => a.submitted - b.submitted);
    this.#submitted = ordered.map((flush) => flush.submitted);
    this.#earliest = ordered.map((flush) => flush.completed);
    for (let place = ordered.length - 2; place >= 0; place--) {
      this.#earliest[place] = Math.min(this.#earliest[place]!, this.#earliest[place + 1]!);
    }
  }

  after(seq: EventSeq): EventSeq {
    let low = 0;
    let high = this.#submitted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#submitted[middle]! > seq) high = middle;
      else low = middle + 1;
    }
    return this.#earliest[low] ?? Infinity;
  }
}

function finish(device: HistoryDevice, unitIndex: number, drafts: Draft[]): UnitLifetimes {
  const base = { ...unborn(device.base.readUnit(unitIndex), 0), applied: 0, durable: 0 };
  const versions = [base, ...drafts].sort(inRecordedOrder);
  kill(versions);
  assignSpans(device, unitIndex, versions);
  return { device: device.device, unitIndex, versions: versions as UnitVersion[] };
}

/** What is never applied comes last, in the order of submission. */
function inRecordedOrder(a: Draft, b: Draft): number {
  return a.applied === b.applied ? a.source - b.source : a.applied - b.applied;
}

/** What was never applied comes last and kills nothing, so nothing kills it either. */
function kill(versions: readonly Draft[]): void {
  let killedAt = Infinity;
  for (const version of versions.toReversed()) {
    version.death = Math.min(version.death, killedAt);
    if (version.kills) killedAt = Math.min(killedAt, version.durable);
  }
}

function assignSpans(
  { device, base }: HistoryDevice,
  unitIndex: number,
  versions: readonly Draft[],
): void {
  const open = new Map<string, { -readonly [K in keyof ContentSpan]: ContentSpan[K] }>();
  for (const version of versions.toSorted((a, b) => a.birth - b.birth)) {
    const { unit, birth, death, source } = version;
    const key = unit.hash.join();
    let span = open.get(key);
    if (span === undefined || span.end < birth) {
      const digest = deviceDigest(device, base.digestOfUnit(unitIndex, unit));
      span = { device, unitIndex, unit, start: birth, end: death, source, digest };
      open.set(key, span);
    }
    span.end = Math.max(span.end, death);
    version.span = span;
  }
}
