import * as path from 'node:path';
import {
  createRandom,
  type DeviceGeometry,
  type EngineArea,
  type Nanoseconds,
} from '../../contract/index.ts';
import { createImage, type SparseImage } from '../../drive/image.ts';
import { startNbdServer, type NbdServer } from '../../drive/served/nbd.ts';
import { RecordingStore } from '../../drive/served/recording-store.ts';
import type { GuestDrive } from './qemu-arguments.ts';
import type { VmResources } from './vm-resources.ts';

export interface TwinDriveOptions {
  /** See GuestDrive. */
  readonly name: string;
  readonly geometry: DeviceGeometry;
  /** Of chance, and of what a drive without `image` holds: foreign data. */
  readonly seed: number;
  /** What the drive holds at first; it is not changed. */
  readonly image?: SparseImage;
  readonly areas?: readonly EngineArea[];
  readonly resources: Pick<VmResources, 'makeDirectory'>;
  /** See NbdServerOptions. */
  onArrival?(): void;
}

/**
 * The twin as a drive of a guest: this process keeps its medium and its volatile cache, so both are known when the
 * guest is killed, and every crash state of any moment can be made. The guest's kernel reaches it by virtio-blk,
 * and QEMU by NBD. Each FUA write arrives as a write and a flush, which is more than was asked for: what
 * FUA alone would leave in the cache is durable here.
 */
export class TwinDrive implements AsyncDisposable {
  readonly drive: GuestDrive;
  readonly store: RecordingStore;
  readonly #server: NbdServer;

  private constructor(drive: GuestDrive, store: RecordingStore, server: NbdServer) {
    this.drive = drive;
    this.store = store;
    this.#server = server;
  }

  static async start(options: TwinDriveOptions): Promise<TwinDrive> {
    const { name, geometry, seed, areas = [], resources } = options;
    const store = new RecordingStore({
      name: 'twin',
      geometry,
      image: (options.image ?? createImage(geometry, seed >>> 0)).fork(),
      clock: { now: nowNs },
      random: createRandom(seed).fork('drive'),
      areas,
    });
    const socketPath = path.join(resources.makeDirectory('twin'), 'socket');
    const server = await startNbdServer({
      socketPath,
      store,
      onArrival: () => options.onArrival?.(),
    });
    const drive: GuestDrive = {
      name,
      source: { kind: 'nbd', socket: socketPath, exportName: '' },
      cache: 'none',
      attachedAs: 'virtio-blk',
      logicalBlockBytes: geometry.logicalBlockBytes === 512 ? 512 : 4096,
    };
    return new TwinDrive(drive, store, server);
  }

  /** Drops the connection: what the guest still asks for fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.store.cut();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Whole nanoseconds, monotonic. */
function nowNs(): Nanoseconds {
  return Math.round(performance.now() * 1e6);
}
