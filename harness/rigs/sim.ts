import type {
  DeviceGeometries,
  DeviceGeometry,
  DeviceNumber,
  EngineArea,
  EngineDevices,
  FaultFiring,
  Platform,
  Random,
} from '../contract/index.ts';
import { History } from '../drive/history.ts';
import { createImage, type SparseImage } from '../drive/image.ts';
import type { MemoryPool } from '../drive/memory-pool.ts';
import { SimDrive, type RequestLimit } from '../drive/sim-drive.ts';
import { Timeline } from '../drive/timeline.ts';
import { crc32c } from '../ledger/crc32c.ts';
import { RigFaults } from './rig-faults.ts';

export interface SimRigOptions {
  readonly geometry: DeviceGeometry;
  readonly image: SparseImage;
  /** The second drive, where there is one. */
  readonly data?: { readonly geometry: DeviceGeometry; readonly image: SparseImage };
  readonly random: Random;
  readonly areas: readonly EngineArea[];
  /** Off where nobody will ask what crash states were possible: a recovery is then quicker. */
  readonly record: boolean;
  /** Where the drives' buffers come from; fresh memory unless given. */
  readonly memory?: MemoryPool;
  /** Bound of a recovery, over all drives: more requests cut the power and count as hung. */
  readonly requestsMax?: number;
}

/**
 * The twin in this process: one simulated drive or two, on one timeline and one history, with virtual
 * time and seeded entropy. Needs nothing.
 */
export class SimRig {
  readonly timeline = new Timeline();
  /** Present when the rig records. */
  readonly history: History | undefined;
  /** The main drive. */
  readonly drive: SimDrive;
  /** By their numbers in the history. */
  readonly drives: readonly SimDrive[];
  /** What the engine is given. */
  readonly devices: EngineDevices;
  readonly faults: RigFaults;
  readonly platform: Platform;

  constructor(options: SimRigOptions) {
    const { random, data } = options;
    const drives: SimDrive[] = [];
    this.history = options.record ? new History(this.timeline) : undefined;
    this.faults = new RigFaults({
      timeline: this.timeline,
      history: this.history,
      drives,
      areas: options.areas,
    });
    const limit = this.#limitOf(options);
    this.drive = this.#startDrive('twin', 0, options, random.fork('drive'), limit, options);
    drives.push(this.drive);
    this.devices = { main: this.drive };
    if (data !== undefined) {
      const second = this.#startDrive('twin-data', 1, data, random.fork('data'), limit, options);
      drives.push(second);
      this.devices = { main: this.drive, data: second };
    }
    this.drives = drives;
    this.platform = platformOn(this.timeline, random.fork('entropy'));
  }

  /** Every fault that has fired, on whichever drive, in order. */
  get firings(): readonly FaultFiring[] {
    return this.faults.firings;
  }

  /** What the engine did that no engine may do, the first time on any drive; undefined if nothing. */
  get misuse(): string | undefined {
    return this.drives.find(({ misuse }) => misuse !== undefined)?.misuse;
  }

  /** Requests that the drives have received. */
  get requests(): number {
    return this.drives.reduce((sum, { counters }) => sum + counters.requests, 0);
  }

  get bytesWritten(): number {
    return this.drives.reduce((sum, { counters }) => sum + counters.bytesWritten, 0);
  }

  /** Moments that count operations, flushes or time count from here. */
  beginWorkload(): void {
    for (const drive of this.drives) drive.beginWorkload();
  }

  /** The workload's n-th operation, from 1, has been invoked. */
  noteOp(n: number): void {
    for (const drive of this.drives) drive.noteOp(n);
  }

  #limitOf({ requestsMax }: SimRigOptions): RequestLimit | undefined {
    if (requestsMax === undefined) return undefined;
    return {
      left: requestsMax,
      onExceeded: () => {
        this.timeline.halt();
      },
    };
  }

  #startDrive(
    name: string,
    device: DeviceNumber,
    { geometry, image }: Pick<SimRigOptions, 'geometry' | 'image'>,
    random: Random,
    requestLimit: RequestLimit | undefined,
    { areas, memory }: SimRigOptions,
  ): SimDrive {
    return new SimDrive({
      name,
      device,
      timeline: this.timeline,
      geometry,
      image,
      random,
      areas: areas.filter((area) => area.device === device),
      firings: this.faults.firings,
      onPowerCut: (cut) => {
        this.faults.cut(device, cut);
      },
      ...(this.history === undefined ? {} : { history: this.history }),
      ...(memory === undefined ? {} : { memory }),
      ...(requestLimit === undefined ? {} : { requestLimit }),
    });
  }
}

export function createSimRig(options: SimRigOptions): SimRig {
  return new SimRig(options);
}

function platformOn(timeline: Timeline, entropy: Random): Platform {
  return {
    clock: timeline,
    entropy: (target) => {
      entropy.fill(target);
    },
    crc32c,
  };
}

/** A drive full of recognisable foreign data, as a used drive is. */
export function usedDrive(geometry: DeviceGeometry, seed: number): SparseImage {
  return createImage(geometry, seed);
}

export type RigDrives = Pick<SimRigOptions, 'geometry' | 'image' | 'data'>;

/** Drives of these geometries that hold these images, in the order of their numbers. */
export function drivesOf(
  { main, data }: DeviceGeometries,
  images: readonly SparseImage[],
): RigDrives {
  const first = { geometry: main, image: images[0]! };
  return data === undefined ? first : { ...first, data: { geometry: data, image: images[1]! } };
}

/** The same with nothing written to them yet: each holds foreign data of its own. */
export function usedDrives(geometries: DeviceGeometries, seed: number): RigDrives {
  const { main, data } = geometries;
  const images = [usedDrive(main, seed)];
  if (data !== undefined) images.push(usedDrive(data, (seed ^ dataSeedMask) >>> 0));
  return drivesOf(geometries, images);
}

const dataSeedMask = 0x44415441;
