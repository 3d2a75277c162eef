import { open, type FileHandle } from 'node:fs/promises';
import { DeviceError, type BlockDevice, type DeviceGeometry, type Lba } from '../contract/index.ts';
import { rangeError } from '../device/block-range.ts';
import { deviceFacts, geometryOf } from '../device/device-facts.ts';

export interface ReadOnlyOptions {
  /** Of a regular file; a block device has its own. */
  readonly logicalBlockBytes: number;
  /** Only the first blocks. Default: all. */
  readonly capacityBlocks?: number | undefined;
}

/**
 * A device or file opened with O_RDONLY, not exclusively and without any lock: a look at it cannot
 * change it, nor get in the way of whoever uses it. Goes through the page cache.
 */
export async function openReadOnlyDevice(
  path: string,
  options: ReadOnlyOptions,
): Promise<BlockDevice> {
  const geometry = geometryOf(await deviceFacts(path), options);
  return new ReadOnlyDevice(path, await open(path, 'r'), geometry);
}

class ReadOnlyDevice implements BlockDevice {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle, geometry: DeviceGeometry) {
    this.name = `${path} (read-only)`;
    this.geometry = geometry;
    this.#file = file;
  }

  allocate(byteCount: number): Uint8Array {
    return new Uint8Array(byteCount);
  }

  async read(lba: Lba, target: Uint8Array): Promise<number> {
    const error = rangeError(this.geometry, 'read', lba, target.byteLength);
    if (error !== undefined) throw error;
    try {
      const position = lba * this.geometry.logicalBlockBytes;
      const { bytesRead } = await this.#file.read(target, 0, target.byteLength, position);
      return bytesRead;
    } catch (failure) {
      throw new DeviceError('EIO', 'read', `${(failure as Error).message}, LBA ${lba}`);
    }
  }

  write(): Promise<number> {
    return Promise.reject(new DeviceError('EINVAL', 'write', 'opened for reading only'));
  }

  flush(): Promise<void> {
    return Promise.reject(new DeviceError('EINVAL', 'flush', 'opened for reading only'));
  }

  discard(): Promise<void> {
    return Promise.reject(new DeviceError('EINVAL', 'discard', 'opened for reading only'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
