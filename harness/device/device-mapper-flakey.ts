/**
 * dm-flakey (Linux drivers/md/dm-flakey.c): a device that obeys until its table is replaced by one that is
 * down from the start. It has no volatile cache: what the drive had completed before stays, flushed or
 * not, so it shows the loss of the page cache and never of the drive's.
 */
import { HarnessError, type DamagedRequests, type MappingCut } from '../contract/index.ts';
import {
  Mapping,
  replaceTables,
  sectorsOf,
  type MappedPart,
  type MappingResources,
  type MappingTable,
} from './device-mapper.ts';

export interface FlakeyOptions extends MappedPart {
  readonly name: string;
}

const features = { 'drop-writes': 'drop_writes', 'error-writes': 'error_writes' } as const;
const letters = { read: 'r', write: 'w' } as const;

/** Seconds of an interval that is always in force, since the other one is 0. */
const alwaysSeconds = 180;

const randomMax = 1e9;

export class FlakeyDevice implements AsyncDisposable {
  readonly mapping: Mapping;
  readonly #device: string;
  readonly #sectors: number;

  private constructor(mapping: Mapping, device: string, sectors: number) {
    this.mapping = mapping;
    this.#device = device;
    this.#sectors = sectors;
  }

  /** Works like the device below until it is told otherwise. */
  static async create(
    { name, ...part }: FlakeyOptions,
    resources: MappingResources,
  ): Promise<FlakeyDevice> {
    const sectors = await sectorsOf(part);
    const mapping = await Mapping.create(name, upTable(part.device, sectors), resources);
    return new FlakeyDevice(mapping, part.device, sectors);
  }

  get node(): string {
    return this.mapping.node;
  }

  /**
   * Requests in flight are waited for and have their way. What comes from then on: with `drop-writes`, writes,
   * flushes and discards are answered OK and vanish; with `error-writes` they fail with EIO. Reads reach the
   * drive in both. Acknowledgements before the call are real, and those after it has resolved are void.
   */
  cut(mode: MappingCut): Promise<void> {
    return cutTogether([this], mode);
  }

  /** Up again: what was dropped or failed stays so. */
  restore(): Promise<void> {
    return this.mapping.replace(upTable(this.#device, this.#sectors));
  }

  /** From now on, byte number `byte` of every request, counted from 1, is `value`. */
  async corruptByte(requests: DamagedRequests, byte: number, value: number): Promise<void> {
    const isByte = Number.isInteger(value) && value >= 0 && value <= 255;
    if (!isByte || !Number.isInteger(byte) || byte < 1 || byte >= 2 ** 32) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `byte ${byte} cannot be made ${value}, expected a byte counted from 1, and a value up to 255`,
      );
    }
    // No flags: those it compares with are the kernel's own, and differ between kernels.
    await this.#down([5, 'corrupt_bio_byte', byte, letters[requests], value, 0]);
  }

  /**
   * From now on, a request is damaged with a probability in thousand millions. The kernel draws the chance
   * itself, so that no seed repeats it. From Linux 6.5 on; an older kernel refuses it.
   */
  async corruptRandomly(requests: DamagedRequests, perBillion: number): Promise<void> {
    if (!Number.isInteger(perBillion) || perBillion < 0 || perBillion > randomMax) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `a probability of ${perBillion}, expected 0 to ${randomMax}, of ${randomMax}`,
      );
    }
    await this.#down([2, `random_${requests}_corrupt`, perBillion]);
  }

  /** The table that cuts; for several devices at once. */
  cutTable(mode: MappingCut): MappingTable {
    return this.#downTable([1, features[mode]]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mapping[Symbol.asyncDispose]();
  }

  #down(featureArgs: readonly (string | number)[]): Promise<void> {
    return this.mapping.replace(this.#downTable(featureArgs));
  }

  #downTable(featureArgs: readonly (string | number)[]): MappingTable {
    return flakeyTable(this.#device, this.#sectors, [0, alwaysSeconds, ...featureArgs]);
  }
}

/** Cuts the devices of one engine at once; the one with the data comes first. */
export function cutTogether(devices: readonly FlakeyDevice[], mode: MappingCut): Promise<void> {
  return replaceTables(
    devices.map((device) => ({ mapping: device.mapping, table: device.cutTable(mode) })),
  );
}

function upTable(device: string, sectors: number): MappingTable {
  return flakeyTable(device, sectors, [alwaysSeconds, 0]);
}

function flakeyTable(
  device: string,
  sectors: number,
  args: readonly (string | number)[],
): MappingTable {
  return { sectors, target: 'flakey', args: [device, 0, ...args] };
}
