/**
 * The plan of crash states: which of the legal states of a history (unit-versions.ts says which are
 * legal) are to be recovered and judged.
 *
 * New states come about only where a unit gains a candidate: at the submission of a write or discard,
 * or at a fault that changes the medium. A state that contains contents born at e is legal exactly
 * from e until the first of its contents dies. So the states are enumerated by the moment of their
 * birth: all combinations with something newborn in them, plus the initial state. Where a moment
 * bears few states all are taken; where it bears many, a seeded sample, likeliest killers first, with
 * the budget spread over all moments. States of equal digest are one state with several windows.
 */
import type { EventSeq, Random } from '../contract/index.ts';
import { digestText } from './digest.ts';
import type { History } from './history.ts';
import { logSum, StateCount } from './state-count.ts';
import { allChoices, likelyChoices, type Choice } from './state-families.ts';
import { sweepStates, type BirthMoment, type FloorChange } from './state-sweep.ts';
import { spreadBudget } from './quotas.ts';
import { unitVersionsOf, type ContentSpan } from './unit-versions.ts';

export interface PlanOptions {
  /** Most states planned; Infinity takes `exhaustiveMax` per moment. */
  readonly statesMax: number;
  readonly random: Random;
  /** Without a limit on states: a moment that bears more than this is sampled, this many. */
  readonly exhaustiveMax?: number;
  /** Only states born after this event; the initial state is born at 0. */
  readonly bornAfter?: EventSeq;
  /** Only states born before this event. */
  readonly bornBefore?: EventSeq;
  /** The drives that lose power, all unless given. */
  readonly devices?: readonly number[];
}

/** Crashes at every t from `firstSeq` to before `endSeq` can leave the state. */
export interface EventWindow {
  readonly firstSeq: EventSeq;
  readonly endSeq: EventSeq;
}

export interface CrashState {
  readonly index: number;
  /** Of the contents of all drives, 128 bits; for drive 0 alone, the digest of its image. */
  readonly digest: string;
  /** Ascending, apart. */
  readonly windows: readonly EventWindow[];
  /** The flush interval of its first window. */
  readonly interval: number;
  readonly bornAt: EventSeq;
  /** What it holds beside the last durable contents of that moment. */
  readonly choices: readonly ContentSpan[];
}

/** Coverage of one flush interval, as results.ts reports it. */
export interface IntervalCoverage {
  readonly interval: number;
  readonly checked: number;
  readonly legalLog10: number;
}

export interface CrashPlan {
  readonly history: History;
  /** Ascending by birth. */
  readonly states: readonly CrashState[];
  readonly coverage: readonly IntervalCoverage[];
  /** How the last durable contents changed, ascending. */
  readonly floorChanges: readonly FloorChange[];
}

const exhaustiveMaxDefault = 512;

/** A sample ends early once this many choices in a row, and a quarter of its quota, were repeats. */
const repeatsMax = 64;

export function planCrashStates(history: History, options: PlanOptions): CrashPlan {
  const lifetimes = unitVersionsOf(history, options.devices);
  const isWanted = wantedBy(options);
  const born = new Map<EventSeq, StateCount>();
  const intervals = new Map<number, StateCount[]>();
  const floorChanges: FloorChange[] = [];
  sweepStates(
    history,
    lifetimes,
    (moment) => {
      if (!isWanted(moment.seq)) return;
      const count = countBorn(moment);
      born.set(moment.seq, count);
      push(intervals, moment.interval, count);
    },
    (change) => floorChanges.push(change),
  );
  const quotas = quotasOf(born, options);
  const collector = new Collector();
  sweepStates(history, lifetimes, (moment) => {
    const quota = quotas.get(moment.seq) ?? 0;
    if (quota > 0) collect(moment, quota, born.get(moment.seq)!, collector, options.random);
  });
  const coverage = [...intervals].map(([interval, counts]) => ({
    interval,
    checked: collector.checkedIn(interval),
    legalLog10: logSum(counts),
  }));
  return { history, states: collector.states, coverage, floorChanges };
}

function wantedBy({ bornAfter = -1, bornBefore = Infinity }: PlanOptions) {
  return (seq: EventSeq): boolean => seq > bornAfter && seq < bornBefore;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function countBorn({ seq, open, allNewborn }: BirthMoment): StateCount {
  const after = open.map((unit) => unit.contents);
  if (allNewborn || seq === 0) return StateCount.product(after);
  return StateCount.difference(
    after,
    open.map((unit) => unit.contents - unit.newborn),
  );
}

function quotasOf(
  born: ReadonlyMap<EventSeq, StateCount>,
  { statesMax, random, exhaustiveMax = exhaustiveMaxDefault }: PlanOptions,
): Map<EventSeq, number> {
  const capEach = statesMax === Infinity ? exhaustiveMax : Infinity;
  const caps = [...born.values()].map((count) => Math.min(count.value, capEach));
  const quotas = spreadBudget(caps, statesMax, random.fork('quotas'));
  return new Map([...born.keys()].map((seq, place) => [seq, quotas[place]!]));
}

function collect(
  moment: BirthMoment,
  quota: number,
  born: StateCount,
  collector: Collector,
  random: Random,
): void {
  if (quota >= born.value) {
    for (const choice of allChoices(moment)) collector.add(moment, choice);
    return;
  }
  let taken = 0;
  let repeats = 0;
  for (const choice of likelyChoices(moment, random.fork(`moment-${moment.seq}`))) {
    if (collector.add(moment, choice)) {
      taken += 1;
      repeats = 0;
    } else {
      repeats += 1;
    }
    if (taken === quota || repeats > repeatsMax + quota / 4) return;
  }
}

type StateDraft = CrashState & { readonly windows: EventWindow[] };

/** The states taken so far, one per digest. */
class Collector {
  readonly states: StateDraft[] = [];
  readonly #byDigest = new Map<string, StateDraft>();
  readonly #checked = new Map<number, number>();

  checkedIn(interval: number): number {
    return this.#checked.get(interval) ?? 0;
  }

  /** False if the choice holds nothing newborn or was taken at this moment before. */
  add(moment: BirthMoment, choice: Choice): boolean {
    const { seq, interval } = moment;
    const chosen = readChoice(moment, choice);
    if (!chosen.isNew) return false;
    const window = { firstSeq: seq, endSeq: chosen.endSeq };
    const known = this.#byDigest.get(chosen.digest);
    if (known?.windows.at(-1)?.firstSeq === seq) return false;
    this.#checked.set(interval, this.checkedIn(interval) + 1);
    if (known !== undefined) {
      known.windows.push(window);
      return true;
    }
    const { digest, choices } = chosen;
    const index = this.states.length;
    const state = { index, digest, windows: [window], interval, bornAt: seq, choices };
    this.states.push(state);
    this.#byDigest.set(digest, state);
    return true;
  }
}

interface ChosenState {
  readonly isNew: boolean;
  readonly digest: string;
  readonly endSeq: EventSeq;
  readonly choices: readonly ContentSpan[];
}

function readChoice(moment: BirthMoment, choice: Choice): ChosenState {
  const { seq, open, allNewborn, floorDigest, closedEnd } = moment;
  const choices: ContentSpan[] = [];
  let isNew = allNewborn || seq === 0;
  let endSeq = closedEnd;
  // The hot loop of planning: lanes are summed in place, without a new tuple for each unit.
  let [lane0, lane1, lane2, lane3] = floorDigest;
  for (let index = 0; index < open.length; index++) {
    const { live, floor } = open[index]!;
    const { span } = live[choice[index]!]!;
    isNew ||= span.start === seq;
    if (span.end < endSeq) endSeq = span.end;
    if (span === floor) continue;
    choices.push(span);
    lane0 = (lane0 + span.digest[0] - floor.digest[0]) | 0;
    lane1 = (lane1 + span.digest[1] - floor.digest[1]) | 0;
    lane2 = (lane2 + span.digest[2] - floor.digest[2]) | 0;
    lane3 = (lane3 + span.digest[3] - floor.digest[3]) | 0;
  }
  return { isNew, digest: digestText([lane0, lane1, lane2, lane3]), endSeq, choices };
}
