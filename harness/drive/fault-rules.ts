import {
  HarnessError,
  type ByteRange,
  type DriveEffect,
  type DriveFaultRule,
  type EngineArea,
  type Nanoseconds,
  type Random,
  type RequestKind,
} from '../contract/index.ts';

/** A request as fault rules see it; a flush touches no bytes. */
export interface RequestShape extends ByteRange {
  readonly request: RequestKind;
}

/** How far the workload is, as moments count it. */
export interface Progress {
  readonly hasBegun: boolean;
  readonly opsInvoked: number;
  readonly flushesReceived: number;
  readonly sinceBeginNs: Nanoseconds;
}

/** How often a rule may still fire; one count where it is armed on several drives. */
export interface Shots {
  left: number;
}

export function shotsOf({ times }: DriveFaultRule): Shots {
  return { left: times === 'forever' ? Infinity : times };
}

/**
 * One armed rule. When a moment is a place (`atBytes`, `atArea`), the place also aims the rule: an
 * effect on requests with bytes fires only at those that touch it. An effect on a flush comes into
 * force at the first request that touches the place.
 */
export class ArmedRule {
  readonly rule: DriveFaultRule;
  readonly random: Random;
  /** The places that the moment aims at; undefined for a moment that is not a place. */
  readonly #aim: readonly ByteRange[] | undefined;
  readonly #shots: Shots;
  #isInForce = false;

  constructor(
    rule: DriveFaultRule,
    random: Random,
    areas: readonly EngineArea[],
    shots: Shots = shotsOf(rule),
  ) {
    this.rule = rule;
    this.random = random;
    this.#aim = aimOf(rule, areas);
    this.#shots = shots;
  }

  get isSpent(): boolean {
    return this.#shots.left <= 0;
  }

  spend(): void {
    this.#shots.left -= 1;
  }

  /** Whether the rule selects this request, by kind, moment and bytes. */
  selects(shape: RequestShape, progress: Progress): boolean {
    if (this.isSpent || !this.#comesIntoForce(shape, progress)) return false;
    if (!actsOn(this.rule.effect, shape.request)) return false;
    return isFlushEffect(this.rule.effect) || this.covers(shape);
  }

  /** For a rot: whether it may fire now. A rule that aims at a place waits for a completed write. */
  isDue(progress: Progress, completedWrite: ByteRange | undefined): boolean {
    if (this.isSpent) return false;
    if (this.#aim !== undefined) return completedWrite !== undefined && this.covers(completedWrite);
    this.#isInForce ||= hasCome(this.rule.moment, progress);
    return this.#isInForce;
  }

  /** Whether the bytes touch what the rule is confined to. */
  covers(range: ByteRange): boolean {
    const { within } = this.rule;
    if (within !== undefined && !touches(range, within)) return false;
    return this.#aim === undefined || this.#aim.some((place) => touches(range, place));
  }

  #comesIntoForce(shape: RequestShape, progress: Progress): boolean {
    if (this.#isInForce) return true;
    const aim = this.#aim;
    this.#isInForce =
      aim === undefined
        ? hasCome(this.rule.moment, progress)
        : aim.some((place) => touches(shape, place));
    return this.#isInForce;
  }
}

export function touches(a: ByteRange, b: ByteRange): boolean {
  return (
    a.byteOffset < b.byteOffset + b.byteCount &&
    b.byteOffset < a.byteOffset + a.byteCount &&
    a.byteCount > 0
  );
}

function aimOf(
  { fault, moment }: DriveFaultRule,
  areas: readonly EngineArea[],
): readonly ByteRange[] | undefined {
  if ('atBytes' in moment) return [moment.atBytes];
  if (!('atArea' in moment)) return undefined;
  const named = areas.filter((area) => area.name === moment.atArea);
  if (named.length > 0) return named;
  const names = [...new Set(areas.map((area) => area.name))].join(', ');
  throw new HarnessError(
    'CONFIG_INVALID',
    `fault ${fault} aims at the area "${moment.atArea}", which the engine does not name; it names ${names || 'none'}`,
  );
}

function hasCome(moment: DriveFaultRule['moment'], progress: Progress): boolean {
  if (!progress.hasBegun) return false;
  if ('atOp' in moment) return progress.opsInvoked >= moment.atOp;
  if ('atFlush' in moment) return progress.flushesReceived >= moment.atFlush;
  return 'atNs' in moment && progress.sinceBeginNs >= moment.atNs;
}

function isFlushEffect(effect: DriveEffect): boolean {
  return effect.kind === 'ignore-flush' || effect.kind === 'fail-flush';
}

function actsOn(effect: DriveEffect, request: RequestKind): boolean {
  switch (effect.kind) {
    case 'power-cut':
    case 'stall':
      return true;
    case 'ignore-flush':
    case 'fail-flush':
      return request === 'flush';
    case 'lose-write':
    case 'tear-write':
    case 'misdirect-write':
    case 'fail-write':
    case 'short-write':
      return request === 'write';
    case 'stale-read':
    case 'fail-read':
      return request === 'read';
    case 'rot':
      return false;
  }
}
