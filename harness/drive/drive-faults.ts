import {
  deviceNumbers,
  type ByteRange,
  type Clock,
  type DeviceGeometry,
  type DriveEffect,
  type DriveFaultRule,
  type EngineArea,
  type FaultFiring,
  type Lba,
  type Nanoseconds,
  type Random,
} from '../contract/index.ts';
import { ArmedRule, touches, type Progress, type RequestShape, type Shots } from './fault-rules.ts';
import type { History } from './history.ts';
import type { SparseImage } from './image.ts';
import { Unit } from './unit.ts';
import type { UnitTrails } from './unit-trail.ts';

/** What faults do to one request: at most one effect, and any stalls on top. */
export interface ChosenEffect {
  readonly effect: DriveEffect | undefined;
  readonly armed: ArmedRule;
  readonly shape: RequestShape;
  readonly stallNs: Nanoseconds;
}

interface FaultSite {
  readonly device: number;
  readonly timeline: Pick<Clock, 'now'>;
  readonly geometry: DeviceGeometry;
  readonly image: SparseImage;
  readonly trails: UnitTrails;
  readonly history: History | undefined;
  readonly areas: readonly EngineArea[];
  /** Where firings are noted, in their order. */
  readonly firings: FaultFiring[];
}

/**
 * The faults armed on one drive: which of them a request meets, what they change on the medium, and
 * the record that they fired. A firing precedes in the history what it explains: the submission that
 * a lie is told about, or the completion that an error or a stale answer comes with.
 */
export class DriveFaults {
  readonly #site: FaultSite;
  readonly #rules: ArmedRule[] = [];
  readonly #unreadable = new Set<number>();
  #hasBegun = false;
  #beganNs: Nanoseconds = 0;
  #opsInvoked = 0;
  #flushesReceived = 0;

  constructor(site: FaultSite) {
    this.#site = site;
  }

  arm(rule: DriveFaultRule, random: Random, shots?: Shots): void {
    this.#rules.push(new ArmedRule(rule, random, this.#site.areas, shots));
  }

  beginWorkload(): void {
    this.#hasBegun = true;
    this.#beganNs = this.#site.timeline.now();
    this.#flushesReceived = 0;
    this.#opsInvoked = 0;
    this.#rotWhatIsDue(undefined);
  }

  noteOp(n: number): void {
    this.#opsInvoked = n;
    this.#rotWhatIsDue(undefined);
  }

  /** A write to these bytes has completed: a rot that aims at them may fire. */
  noteWritten(range: ByteRange): void {
    this.#rotWhatIsDue(range);
  }

  /** A request arrives: what it will meet. */
  choose(shape: RequestShape): ChosenEffect | undefined {
    if (shape.request === 'flush' && this.#hasBegun) this.#flushesReceived += 1;
    if (this.#rules.length === 0) return undefined;
    this.#rotWhatIsDue(undefined);
    return this.#chooseAmong(this.#selected(shape), shape);
  }

  /** Records that the effect fired, on the bytes `hit`. */
  fire(
    { armed, shape }: ChosenEffect,
    details: FaultFiring['details'],
    hit: ByteRange = shape,
  ): void {
    // Noted when it came: the request that set it off may be one to a drive that goes on.
    if (armed.rule.effect.kind === 'power-cut') return;
    const firing = this.#firing(armed.rule, hit, details);
    this.#site.history?.fault(this.#site.device, firing);
  }

  /** A power cut is noted here and recorded by who knows which drives it takes. */
  notePowerCut({ armed, shape }: ChosenEffect, details: FaultFiring['details']): FaultFiring {
    return this.#firing(armed.rule, shape, details);
  }

  /** Why a read of these bytes fails, or undefined. */
  readFailure(
    byteOffset: number,
    byteCount: number,
    fault: ChosenEffect | undefined,
  ): string | undefined {
    if (fault?.effect?.kind === 'fail-read') return this.#failRead(fault, fault.effect.sticky);
    if (this.#unreadable.size === 0) return undefined;
    for (const index of this.#unitsOf({ byteOffset, byteCount })) {
      if (this.#unreadable.has(index)) return `unit ${index} is unreadable`;
    }
    return undefined;
  }

  /** The unit was written again, so it can be read again. */
  heal(index: number): void {
    if (this.#unreadable.size > 0) this.#unreadable.delete(index);
  }

  /** Puts into the target what the rule's units held before their latest version. */
  makeStale(byteOffset: number, target: Uint8Array, fault: ChosenEffect): void {
    const { image, trails } = this.#site;
    const stale: number[] = [];
    const previous = image.fork();
    for (const index of this.#unitsOf({ byteOffset, byteCount: target.length })) {
      if (!fault.armed.covers(this.#bytesOf(index))) continue;
      previous.writeUnit(index, trails.previousOf(index));
      stale.push(index);
    }
    previous.read(byteOffset, target);
    const first = stale[0]!;
    this.fire(fault, { lba: this.#lbaOf(first), units: stale.join(' ') }, this.#bytesOf(first));
  }

  #selected(shape: RequestShape): ArmedRule[] {
    const progress = this.#progress();
    return this.#rules.filter((armed) => armed.selects(shape, progress));
  }

  /** Stalls add up; of the other effects the one armed first wins, and only it is spent. */
  #chooseAmong(selected: readonly ArmedRule[], shape: RequestShape): ChosenEffect | undefined {
    let stallNs = 0;
    let winner: ArmedRule | undefined;
    for (const armed of selected) {
      const { effect } = armed.rule;
      if (effect.kind === 'stall') {
        stallNs += effect.delayNs;
        armed.spend();
        this.fire({ effect, armed, shape, stallNs }, { delayNs: effect.delayNs });
      } else if (winner === undefined && this.#canMeet(armed, shape)) {
        winner = armed;
      }
    }
    if (winner !== undefined) {
      winner.spend();
      return { effect: winner.rule.effect, armed: winner, shape, stallNs };
    }
    const stalled = stallNs > 0 ? selected[0] : undefined;
    return stalled && { effect: undefined, armed: stalled, shape, stallNs };
  }

  /** Whether the effect has anything to act on in this request; if not, it waits for another. */
  #canMeet(armed: ArmedRule, shape: RequestShape): boolean {
    const { effect } = armed.rule;
    const { unitBytes, unitCount } = this.#site.image;
    const units = shape.byteCount / unitBytes;
    if (effect.kind === 'tear-write' || effect.kind === 'short-write') return units >= 2;
    if (effect.kind === 'misdirect-write') {
      const first = shape.byteOffset / unitBytes + effect.shiftUnits;
      return first >= 0 && first + units <= unitCount;
    }
    if (effect.kind !== 'stale-read') return true;
    return this.#unitsOf(shape).some(
      (index) => armed.covers(this.#bytesOf(index)) && this.#hasPrevious(index),
    );
  }

  #hasPrevious(index: number): boolean {
    const { image, trails } = this.#site;
    return trails.previousOf(index) !== image.readUnit(index);
  }

  #failRead(fault: ChosenEffect, sticky: boolean): string {
    const units = this.#unitsOf(fault.shape).filter((index) =>
      fault.armed.covers(this.#bytesOf(index)),
    );
    const index = units[fault.armed.random.below(units.length)]!;
    if (sticky) this.#unreadable.add(index);
    this.fire(fault, { lba: this.#lbaOf(index), sticky }, this.#bytesOf(index));
    return `unit ${index} cannot be read`;
  }

  #rotWhatIsDue(completedWrite: ByteRange | undefined): void {
    if (this.#rules.length === 0) return;
    const progress = this.#progress();
    for (const armed of this.#rules) {
      const { effect } = armed.rule;
      if (effect.kind === 'rot' && armed.isDue(progress, completedWrite)) {
        this.#rot(armed, effect.bits, completedWrite);
      }
    }
  }

  /**
   * Takes a unit of the write that has just completed, if that set it off: what was written a moment
   * ago is what the engine relies on. Waits, unspent, where no unit that it may take was ever written.
   */
  #rot(armed: ArmedRule, bits: number, completedWrite: ByteRange | undefined): void {
    const { image, trails, history, device } = this.#site;
    const candidates = image.writtenUnits().filter(({ index }) => {
      const bytes = this.#bytesOf(index);
      return (
        armed.covers(bytes) && (completedWrite === undefined || touches(bytes, completedWrite))
      );
    });
    if (candidates.length === 0) return;
    armed.spend();
    const { index, unit } = candidates[armed.random.below(candidates.length)]!;
    const flipped = chooseBits(unit.bytes.length * 8, bits, armed.random);
    const rotten = new Unit(flipBits(unit.bytes, flipped));
    const details = { lba: this.#lbaOf(index), bits: flipped.join(' ') };
    const firing = this.#firing(armed.rule, this.#bytesOf(index), details);
    trails.apply(index, rotten, 'durable');
    trails.closeRequest();
    history?.rot(device, firing, index, rotten);
  }

  #firing(rule: DriveFaultRule, hit: ByteRange, details: FaultFiring['details']): FaultFiring {
    const { fault, faultClass } = rule;
    const area = this.#areaOf(hit);
    const atNs = this.#site.timeline.now();
    const isOnData = this.#site.device === deviceNumbers.data && rule.effect.kind !== 'power-cut';
    const firing = {
      fault,
      faultClass,
      atNs,
      ...(area && { area }),
      details: isOnData ? { ...details, device: 'data' } : details,
    };
    this.#site.firings.push(firing);
    return firing;
  }

  #progress(): Progress {
    return {
      hasBegun: this.#hasBegun,
      opsInvoked: this.#opsInvoked,
      flushesReceived: this.#flushesReceived,
      sinceBeginNs: this.#site.timeline.now() - this.#beganNs,
    };
  }

  #unitsOf({ byteOffset, byteCount }: ByteRange): number[] {
    const { unitBytes } = this.#site.image;
    const first = Math.floor(byteOffset / unitBytes);
    const end = Math.ceil((byteOffset + byteCount) / unitBytes);
    return Array.from({ length: end - first }, (_, place) => first + place);
  }

  #bytesOf(index: number): ByteRange {
    const { unitBytes } = this.#site.image;
    return { byteOffset: index * unitBytes, byteCount: unitBytes };
  }

  #lbaOf(index: number): Lba {
    return index * this.#site.geometry.atomicWriteBlocks;
  }

  #areaOf(hit: ByteRange): string | undefined {
    return this.#site.areas.find((area) => touches(hit, area))?.name;
  }
}

/** Distinct bit numbers, ascending. */
function chooseBits(bitCount: number, wanted: number, random: Random): number[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(wanted, bitCount)) chosen.add(random.below(bitCount));
  return [...chosen].sort((a, b) => a - b);
}

function flipBits(bytes: Uint8Array, bits: readonly number[]): Uint8Array {
  const flipped = new Uint8Array(bytes);
  for (const bit of bits) flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
