import {
  HarnessError,
  deviceNumbers,
  type DeviceRole,
  type DriveFaultRule,
  type EngineArea,
  type FaultableDrive,
  type FaultFiring,
  type Random,
} from '../contract/index.ts';
import { shotsOf, type Shots } from '../drive/fault-rules.ts';
import type { History } from '../drive/history.ts';
import type { PowerCut, SimDrive } from '../drive/sim-drive.ts';
import type { Timeline } from '../drive/timeline.ts';

/** Where faults of a rig are armed: the drives by their numbers, and what they share. */
export interface FaultedRig {
  readonly timeline: Timeline;
  readonly history: History | undefined;
  readonly drives: readonly SimDrive[];
  readonly areas: readonly EngineArea[];
}

/**
 * How long the host may take to notice that a drive has gone, in virtual time. Between them lie a
 * surprise removal that the link reports at once and one that a time-out finds: at first the engine
 * goes on with what it has in hand, at the other end it does all that it can without the drive.
 */
const noticedAfterNs = [100_000, 1_000_000, 10_000_000, 100_000_000] as const;

/** The drives of a rig as faults see them (DriveFaultRule says which rule acts on which drive). */
export class RigFaults implements FaultableDrive {
  /** Of all drives, in their order. */
  readonly firings: FaultFiring[] = [];
  readonly #rig: FaultedRig;
  /** Those that lost power alone. */
  readonly #gone = new Set<SimDrive>();
  readonly #shots = new Map<DriveFaultRule, Shots>();

  constructor(rig: FaultedRig) {
    this.#rig = rig;
  }

  /** Throws CONFIG_INVALID where the rig has no such device, or the engine no such area on it. */
  arm(rule: DriveFaultRule, random: Random): void {
    const shots = shotsOf(rule);
    this.#shots.set(rule, shots);
    for (const drive of this.#drivesFor(rule)) drive.arm(rule, random, shots);
  }

  /** A request to the drive `at` sets off a power cut. */
  cut(at: number, powerCut: PowerCut): void {
    const { history, timeline, drives } = this.#rig;
    const taken = this.#takenBy(powerCut.rule);
    // Power is lost once, however often the rule would fire.
    this.#shots.get(powerCut.rule)!.left = 0;
    const [alone] = taken;
    if (alone === undefined) return;
    if (taken.length + this.#gone.size === drives.length) {
      history?.fault(at, powerCut.note({}));
      for (const drive of drives) drive.cutPower();
      timeline.halt();
      return;
    }
    const afterNs = noticedAfterNs[powerCut.random.below(noticedAfterNs.length)]!;
    const number = drives.indexOf(alone);
    const role = number === deviceNumbers.data ? 'data' : 'main';
    const firing = powerCut.note({ device: role, noticedAfterNs: afterNs });
    history?.cutAlone(number, firing);
    this.#gone.add(alone);
    alone.losePower(afterNs);
  }

  /** Of the drives that still have power. */
  #takenBy({ device = 'both' }: DriveFaultRule): readonly SimDrive[] {
    const named = device === 'both' ? this.#rig.drives : [this.#driveOf(device)];
    return named.filter((drive) => !this.#gone.has(drive));
  }

  #drivesFor(rule: DriveFaultRule): readonly SimDrive[] {
    if (this.#rig.drives.length === 1) return [this.#onlyDrive(rule)];
    return rule.effect.kind === 'power-cut' ? this.#drivesOfCut(rule) : [this.#driveOfEffect(rule)];
  }

  #onlyDrive({ fault, device }: DriveFaultRule): SimDrive {
    if (device !== 'data') return this.#driveOf('main');
    throw invalid(`fault ${fault} acts on the data device, and there is one device only`);
  }

  /** A cut waits for a request to any drive, unless its moment is one of certain drives. */
  #drivesOfCut(rule: DriveFaultRule): readonly SimDrive[] {
    const { moment, within, device = 'both' } = rule;
    const { drives } = this.#rig;
    if ('atArea' in moment) return this.#drivesWithArea(rule, moment.atArea);
    if ('atBytes' in moment || within !== undefined) {
      return [this.#driveOf(device === 'both' ? 'main' : device)];
    }
    return 'atFlush' in moment && device !== 'both' ? [this.#driveOf(device)] : drives;
  }

  #driveOfEffect(rule: DriveFaultRule): SimDrive {
    const { fault, moment, device } = rule;
    if (device === 'both') {
      throw invalid(`fault ${fault} acts on one device at a time, expected main or data`);
    }
    if (!('atArea' in moment)) return this.#driveOf(device ?? 'main');
    const having = this.#drivesWithArea(rule, moment.atArea);
    if (device === undefined) return having[0]!;
    const drive = this.#driveOf(device);
    if (having.includes(drive)) return drive;
    throw invalid(
      `fault ${fault} acts on the ${device} device, and the area "${moment.atArea}" lies on the other`,
    );
  }

  #drivesWithArea({ fault }: DriveFaultRule, name: string): readonly SimDrive[] {
    const { drives, areas } = this.#rig;
    const having = drives.filter((_, number) =>
      areas.some((area) => area.name === name && area.device === number),
    );
    if (having.length > 0) return having;
    const names = [...new Set(areas.map((area) => area.name))].join(', ');
    throw invalid(
      `fault ${fault} aims at the area "${name}", which the engine does not name; it names ${names || 'none'}`,
    );
  }

  #driveOf(role: DeviceRole): SimDrive {
    return this.#rig.drives[deviceNumbers[role]]!;
  }
}

function invalid(message: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', message);
}
