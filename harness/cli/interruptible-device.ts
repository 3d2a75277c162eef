import {
  HarnessError,
  type BlockDevice,
  type DeviceGeometry,
  type Lba,
  type WriteFlags,
} from '../contract/index.ts';

/**
 * A device that takes no request any more once the user has interrupted. To what is written that is
 * no more than a crash between two requests, which the medium must survive anyway.
 */
export function interruptible(device: BlockDevice, interrupted: AbortSignal): BlockDevice {
  return new InterruptibleDevice(device, interrupted);
}

class InterruptibleDevice implements BlockDevice {
  readonly #device: BlockDevice;
  readonly #interrupted: AbortSignal;

  constructor(device: BlockDevice, interrupted: AbortSignal) {
    this.#device = device;
    this.#interrupted = interrupted;
  }

  get name(): string {
    return this.#device.name;
  }

  get geometry(): DeviceGeometry {
    return this.#device.geometry;
  }

  allocate(byteCount: number): Uint8Array {
    return this.#device.allocate(byteCount);
  }

  async read(lba: Lba, target: Uint8Array): Promise<number> {
    this.#check();
    return this.#device.read(lba, target);
  }

  async write(lba: Lba, source: Uint8Array, flags: WriteFlags): Promise<number> {
    this.#check();
    return this.#device.write(lba, source, flags);
  }

  async flush(): Promise<void> {
    this.#check();
    await this.#device.flush();
  }

  async discard(lba: Lba, blockCount: number): Promise<void> {
    this.#check();
    await this.#device.discard(lba, blockCount);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#device[Symbol.asyncDispose]();
  }

  #check(): void {
    if (this.#interrupted.aborted) throw new HarnessError('INTERRUPTED', 'interrupted');
  }
}
