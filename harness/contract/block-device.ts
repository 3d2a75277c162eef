import type { Lba } from './units.ts';

/** What a drive says of itself (NVMe Identify, or `/sys/block/X/queue`). A lying drive says it too. */
export interface DeviceGeometry {
  /** Bytes of a logical block: 512 or 4096. */
  readonly logicalBlockBytes: number;
  readonly capacityBlocks: number;
  /** Largest aligned write, in logical blocks, that power loss does not tear (NVMe NAWUPF + 1). */
  readonly atomicWriteBlocks: number;
  /** `none`: a write is durable when it completes (write-through, or power-loss protected). */
  readonly writeCache: 'none' | 'volatile';
  readonly supportsFua: boolean;
}

/** Of the devices of an engine: one for everything, or the volume's blocks on one of their own. */
export interface DeviceGeometries {
  readonly main: DeviceGeometry;
  readonly data?: DeviceGeometry;
}

export interface WriteFlags {
  /** Force Unit Access: this write is durable when it completes. */
  readonly fua: boolean;
}

/**
 * A raw block device. Requests may overlap and complete in any order. A completed write is durable
 * only by FUA, by a flush submitted after its completion, or where there is no volatile cache
 * (kernel Documentation/block/writeback_cache_control.rst).
 *
 * Disposal abandons: it frees handles and never flushes, so that clean-up cannot repair the crash
 * under test.
 */
export interface BlockDevice extends AsyncDisposable {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  /**
   * Memory the device can transfer to and from (page-aligned where O_DIRECT needs it), zeroed, valid
   * until disposal. A caller must leave a buffer alone while a request on it is in flight.
   */
  allocate(byteCount: number): Uint8Array;
  /**
   * Gives back memory of `allocate` that nobody will use any more: for large pieces, which would
   * otherwise be held until disposal. A device may ignore it.
   */
  release?(memory: Uint8Array): void;
  /** Resolves to the bytes read, like the system call; rejects with DeviceError. */
  read(lba: Lba, target: Uint8Array): Promise<number>;
  /** Resolves to the bytes written: fewer than asked is a short write. Rejects with DeviceError. */
  write(lba: Lba, source: Uint8Array, flags: WriteFlags): Promise<number>;
  /** Resolves once every write completed before the call is durable. */
  flush(): Promise<void>;
  /** Tells the device the blocks are unused: afterwards each reads as before, or as zeros. */
  discard(lba: Lba, blockCount: number): Promise<void>;
}

/** What an engine is given: `data` where the scenario has a data device, and then always. */
export interface EngineDevices {
  readonly main: BlockDevice;
  readonly data?: BlockDevice;
}

/** By its role, as scenarios name a device. */
export type DeviceRole = keyof EngineDevices;

/** How events of a history and areas of an engine number the devices. */
export type DeviceNumber = 0 | 1;

export const deviceNumbers: Readonly<Record<DeviceRole, DeviceNumber>> = { main: 0, data: 1 };
