import type { EventSeq, Random } from '../contract/index.ts';
import { shuffled } from './quotas.ts';
import type { BirthMoment, LiveUnit } from './state-sweep.ts';

/**
 * One candidate for each open unit of a moment, by its place among the unit's candidates: 0 is the
 * last durable contents, the last place the newest.
 */
export type Choice = Int32Array;

/** Where the version of a write stands: which open unit, and which place among its candidates. */
interface Member {
  readonly open: number;
  readonly place: number;
}

/** What one write, discard or fault has pending, in the order of its units. */
interface Pending {
  readonly source: EventSeq;
  readonly members: readonly Member[];
}

/** Tears tried per write before its patterns count as used up. */
const tearsTriedMax = 256;

/** Every choice that contains something newborn, each once. */
export function* allChoices({ open, seq, allNewborn }: BirthMoment): Generator<Choice> {
  const places = open.map((unit) => distinctPlaces(unit));
  if (allNewborn) {
    yield* product(places, new Int32Array(open.length), 0);
    return;
  }
  const isNewborn = (index: number, place: number): boolean =>
    open[index]!.live[place]!.span.start === seq;
  // Split by the first unit that holds newborn contents: before it none does, after it any may.
  for (const [first, unit] of open.entries()) {
    if (unit.newborn === 0) continue;
    const restricted = places.map((some, index) =>
      index > first ? some : some.filter((place) => isNewborn(index, place) === (index === first)),
    );
    yield* product(restricted, new Int32Array(open.length), 0);
  }
}

/** The first place of each different content. */
function distinctPlaces({ live }: LiveUnit): number[] {
  const seen = new Set<object>();
  const places: number[] = [];
  for (const [place, { span }] of live.entries()) {
    if (seen.has(span)) continue;
    seen.add(span);
    places.push(place);
  }
  return places;
}

function* product(
  places: readonly (readonly number[])[],
  choice: Choice,
  index: number,
): Generator<Choice> {
  if (index === places.length) {
    yield choice;
    return;
  }
  for (const place of places[index]!) {
    choice[index] = place;
    yield* product(places, choice, index + 1);
  }
}

/**
 * Choices without end, likeliest killers first: the newborn write with everything else lost and with
 * everything kept; then in turn one other write lost, one other kept, the newborn write torn, another
 * torn; then random ones. Repeats are possible.
 */
export function* likelyChoices(moment: BirthMoment, random: Random): Generator<Choice> {
  const families = new Families(moment, random);
  yield* families.extremes();
  const turns = shuffled(
    [families.oneLost(), families.oneKept(), families.newbornTorn(), families.otherTorn()],
    random,
  );
  while (turns.length > 0) {
    for (const family of [...turns]) {
      const next = family.next();
      if (next.done === true) turns.splice(turns.indexOf(family), 1);
      else yield next.value;
    }
  }
  for (;;) yield families.randomChoice();
}

class Families {
  readonly #open: readonly LiveUnit[];
  readonly #random: Random;
  readonly #newborn: Pending;
  readonly #others: readonly Pending[];
  /** Everything lost but the newborn write; everything kept. */
  readonly #lost: Choice;
  readonly #kept: Choice;

  constructor({ open, seq }: BirthMoment, random: Random) {
    this.#open = open;
    this.#random = random;
    const pending = pendingOf(open);
    this.#newborn = { source: seq, members: pending.get(seq) ?? [] };
    pending.delete(seq);
    this.#others = shuffled(
      [...pending].map(([source, members]) => ({ source, members })),
      random,
    );
    this.#lost = keep(new Int32Array(open.length), this.#newborn.members);
    this.#kept = Int32Array.from(open, ({ live }) => live.length - 1);
  }

  *extremes(): Generator<Choice> {
    const both = [this.#lost, this.#kept];
    yield* this.#random.chance(1, 2) ? both : both.reverse();
  }

  *oneLost(): Generator<Choice> {
    for (const { source, members } of this.#others) yield this.#lose(source, members);
  }

  *oneKept(): Generator<Choice> {
    for (const { members } of this.#others) yield keep(this.#lost.slice(), members);
  }

  *newbornTorn(): Generator<Choice> {
    const { source, members } = this.#newborn;
    for (const landed of this.#tears(members)) {
      const restKept = this.#random.chance(1, 2);
      const alone = (): Choice => keep(new Int32Array(this.#open.length), landed);
      yield restKept ? this.#lose(source, without(members, landed)) : alone();
    }
  }

  *otherTorn(): Generator<Choice> {
    for (const { source, members } of this.#others) {
      for (const landed of this.#tears(members, 4)) {
        const restKept = this.#random.chance(1, 2);
        yield restKept
          ? this.#lose(source, without(members, landed))
          : keep(this.#lost.slice(), landed);
      }
    }
  }

  /** Half of them decide per write and may tear the newborn one, half decide per unit. */
  randomChoice(): Choice {
    const random = this.#random;
    if (random.chance(1, 2)) {
      return Int32Array.from(this.#open, ({ live }) => random.below(live.length));
    }
    const choice = new Int32Array(this.#open.length);
    const keptOf4 = 1 + random.below(3);
    for (const { members } of this.#others) {
      if (random.chance(keptOf4, 4)) keep(choice, members);
    }
    const whole = random.chance(1, 2);
    const some = this.#newborn.members.filter(() => whole || random.chance(1, 2));
    return keep(choice, some);
  }

  /** Everything kept, except that these members of a write give way to the next newest. */
  #lose(source: EventSeq, members: readonly Member[]): Choice {
    const choice = this.#kept.slice();
    for (const { open } of members) {
      const { live } = this.#open[open]!;
      choice[open] = Math.max(
        0,
        live.findLastIndex((version) => version.source !== source),
      );
    }
    return choice;
  }

  /** Prefixes, suffixes, all but one, one only: in an order that chance gives. */
  *#tears(members: readonly Member[], triedMax = tearsTriedMax): Generator<readonly Member[]> {
    const count = members.length;
    if (count < 2) return;
    for (let tried = 0; tried < Math.min(4 * count, triedMax); tried++) {
      yield tear(members, this.#random.below(4), this.#random.below(count));
    }
  }
}

function tear(members: readonly Member[], pattern: number, at: number): readonly Member[] {
  switch (pattern) {
    case 0:
      return members.slice(0, Math.max(1, at));
    case 1:
      return members.slice(Math.max(1, at));
    case 2:
      return members.filter((_, place) => place !== at);
    default:
      return members.slice(at, at + 1);
  }
}

/** Lays the members over the choice, where they are newer than what it holds. */
function keep(choice: Choice, members: readonly Member[]): Choice {
  for (const { open, place } of members) {
    if (choice[open]! < place) choice[open] = place;
  }
  return choice;
}

function without(members: readonly Member[], removed: readonly Member[]): readonly Member[] {
  const gone = new Set(removed);
  return members.filter((member) => !gone.has(member));
}

function pendingOf(open: readonly LiveUnit[]): Map<EventSeq, Member[]> {
  const pending = new Map<EventSeq, Member[]>();
  for (const [index, { live }] of open.entries()) {
    for (let place = 1; place < live.length; place++) {
      const { source } = live[place]!;
      const members = pending.get(source);
      if (members === undefined) pending.set(source, [{ open: index, place }]);
      else members.push({ open: index, place });
    }
  }
  return pending;
}
