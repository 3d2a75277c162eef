import type {
  CompleteEvent,
  DeviceErrorCode,
  DeviceGeometry,
  DriveEffect,
  FaultFiring,
  Lba,
  Random,
} from '../contract/index.ts';
import type { UnitSubset } from './history.ts';

/** What becomes of a write: settled when it is submitted, so that a lie lands nothing but itself. */
export interface WriteFate {
  readonly answer: 'ok' | DeviceErrorCode;
  /** Units that the answer says were written. */
  readonly unitsAnswered: number;
  readonly effect: CompleteEvent['effect'];
  readonly inFlight: UnitSubset;
  readonly landed: UnitSubset;
  readonly shiftUnits: number;
  /** The drive answers OK and did something else. */
  readonly isLie: boolean;
}

/** The fate of a write of that many units under an effect; an effect on other requests is none. */
export function writeFateOf(
  effect: DriveEffect | undefined,
  unitCount: number,
  random: Random | undefined,
): WriteFate {
  const whole: WriteFate = {
    answer: 'ok',
    unitsAnswered: unitCount,
    effect: 'whole',
    inFlight: 'all',
    landed: 'all',
    shiftUnits: 0,
    isLie: false,
  };
  if (effect === undefined || random === undefined) return whole;
  switch (effect.kind) {
    case 'lose-write':
      return { ...whole, effect: 'none', inFlight: [], landed: [], isLie: true };
    case 'tear-write': {
      const landed = properSubset(unitCount, random);
      return { ...whole, effect: 'partial', inFlight: landed, landed, isLie: true };
    }
    case 'misdirect-write':
      return { ...whole, effect: 'elsewhere', shiftUnits: effect.shiftUnits, isLie: true };
    case 'fail-write': {
      const landed = effect.landed === 'none' ? [] : someSubset(unitCount, random);
      const outcome = landed.length === 0 ? 'none' : 'partial';
      return { ...whole, answer: effect.code, unitsAnswered: 0, effect: outcome, landed };
    }
    case 'short-write': {
      const unitsAnswered = 1 + random.below(unitCount - 1);
      const landed = Array.from({ length: unitsAnswered }, (_, place) => place);
      return { ...whole, unitsAnswered, effect: 'partial', landed };
    }
    case 'power-cut':
    case 'ignore-flush':
    case 'rot':
    case 'stale-read':
    case 'fail-read':
    case 'fail-flush':
    case 'stall':
      return whole;
  }
}

/** A write to a drive without power: it lands nothing, and the host fails it. */
export const fateOfUnreached: WriteFate = {
  answer: 'EIO',
  unitsAnswered: 0,
  effect: 'none',
  inFlight: [],
  landed: [],
  shiftUnits: 0,
  isLie: false,
};

/** Of a firing, for a write that was answered OK and did something else. */
export function lieDetails(
  fate: WriteFate,
  lba: Lba,
  { atomicWriteBlocks }: DeviceGeometry,
): FaultFiring['details'] {
  if (fate.effect !== 'elsewhere') return landedDetails(fate, lba);
  return { lba, landedAtLba: lba + fate.shiftUnits * atomicWriteBlocks };
}

export function landedDetails(fate: WriteFate, lba: Lba): FaultFiring['details'] {
  return { lba, answer: fate.answer, unitsLanded: landedText(fate.landed) };
}

function landedText(landed: UnitSubset): string {
  if (landed === 'all') return 'all';
  return landed.length === 0 ? 'none' : landed.join(' ');
}

/** Neither empty nor all; needs two units. */
function properSubset(unitCount: number, random: Random): number[] {
  for (;;) {
    const chosen = someSubset(unitCount, random);
    if (chosen.length < unitCount) return chosen;
  }
}

/** Not empty; may be all. */
function someSubset(unitCount: number, random: Random): number[] {
  for (;;) {
    const chosen: number[] = [];
    for (let place = 0; place < unitCount; place++) {
      if (random.chance(1, 2)) chosen.push(place);
    }
    if (chosen.length > 0) return chosen;
  }
}
