import type { BlockDevice, DeviceGeometry, Lba } from '../../../harness/contract/index.ts';

/**
 * A device over another one that is never written: what is written here stays in memory. Recovery runs
 * on it as it would on the medium itself, and leaves no trace there.
 */
export class OverlayDevice implements BlockDevice {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly #base: BlockDevice;
  readonly #written = new Map<Lba, Uint8Array>();

  constructor(base: BlockDevice) {
    this.name = `${base.name}, writes kept in memory`;
    this.geometry = base.geometry;
    this.#base = base;
  }

  allocate(byteCount: number): Uint8Array {
    return this.#base.allocate(byteCount);
  }

  async read(lba: Lba, target: Uint8Array): Promise<number> {
    const byteCount = await this.#base.read(lba, target);
    if (this.#written.size > 0) this.#putWritten(lba, target);
    return byteCount;
  }

  async write(lba: Lba, source: Uint8Array): Promise<number> {
    const { logicalBlockBytes } = this.geometry;
    for (let at = 0; at < source.length; at += logicalBlockBytes) {
      const block = source.slice(at, at + logicalBlockBytes);
      this.#written.set(lba + at / logicalBlockBytes, block);
    }
    return source.length;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  /** The device below belongs to whoever opened it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#written.clear();
    return Promise.resolve();
  }

  #putWritten(lba: Lba, target: Uint8Array): void {
    const { logicalBlockBytes } = this.geometry;
    for (let at = 0; at < target.length; at += logicalBlockBytes) {
      const block = this.#written.get(lba + at / logicalBlockBytes);
      if (block !== undefined) target.set(block, at);
    }
  }
}
