import type { DeviceGeometry, EngineArea, Platform, Random } from '../contract/index.ts';
import { History } from '../drive/history.ts';
import { createImage, type SparseImage } from '../drive/image.ts';
import type { MemoryPool } from '../drive/memory-pool.ts';
import { SimDrive } from '../drive/sim-drive.ts';
import { Timeline } from '../drive/timeline.ts';
import { crc32c } from '../ledger/crc32c.ts';

/** The twin in this process: one simulated drive, virtual time, seeded entropy. Needs nothing. */
export interface SimRig {
  readonly timeline: Timeline;
  readonly drive: SimDrive;
  readonly platform: Platform;
  /** Present when the rig records. */
  readonly history: History | undefined;
}

export interface SimRigOptions {
  readonly geometry: DeviceGeometry;
  readonly image: SparseImage;
  readonly random: Random;
  readonly areas: readonly EngineArea[];
  /** Off where nobody will ask what crash states were possible: a recovery is then quicker. */
  readonly record: boolean;
  /** Where the drive's buffers come from; fresh memory unless given. */
  readonly memory?: MemoryPool;
  /** Bound of a recovery: more requests cut the power and count as hung. */
  readonly requestsMax?: number;
}

export function createSimRig(options: SimRigOptions): SimRig {
  const timeline = new Timeline();
  const history = options.record ? new History(timeline) : undefined;
  const drive = new SimDrive({
    name: 'twin',
    device: 0,
    timeline,
    geometry: options.geometry,
    image: options.image,
    random: options.random.fork('drive'),
    areas: options.areas,
    ...(history === undefined ? {} : { history }),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.requestsMax === undefined
      ? {}
      : {
          requestsMax: {
            count: options.requestsMax,
            onExceeded: () => {
              timeline.halt();
            },
          },
        }),
  });
  const entropy = options.random.fork('entropy');
  const platform: Platform = {
    clock: timeline,
    entropy: (target) => {
      entropy.fill(target);
    },
    crc32c,
  };
  return { timeline, drive, platform, history };
}

/** A drive full of recognisable foreign data, as a used drive is. */
export function usedDrive(geometry: DeviceGeometry, seed: number): SparseImage {
  return createImage(geometry, seed);
}
