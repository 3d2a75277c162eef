import { DeviceError, type BlockDevice } from '../../../harness/contract/index.ts';
import { OutcomeUnknown } from '../errors.ts';
import type { DurabilityPath } from '../format/modes.ts';
import type { WritePurpose, WriteTally } from './write-tally.ts';

export interface WritePart {
  readonly byteOffset: number;
  readonly source: Uint8Array;
}

/**
 * A device by byte offsets, with the tally kept. Anything but a whole transfer is an error: a short
 * write has lost its end, and a second attempt would hide that from the caller that must stop.
 */
export class DeviceIo {
  readonly device: BlockDevice;
  #path: DurabilityPath;
  readonly #tally: WriteTally;
  #stopped: string | undefined;
  #writesInFlight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(device: BlockDevice, path: DurabilityPath, tally: WriteTally) {
    this.device = device;
    this.#path = path;
    this.#tally = tally;
  }

  /** How writes to it become durable. */
  get path(): DurabilityPath {
    return this.#path;
  }

  /** Once it is known what the journal on it was made with. */
  usePath(path: DurabilityPath): void {
    this.#path = path;
  }

  /** From now on nothing is written or flushed: whoever is half way through does not go on. */
  stopWriting(reason: string): void {
    this.#stopped ??= reason;
  }

  /** The same, and waits for the writes that are on their way. */
  async stopAndSettle(reason: string): Promise<void> {
    this.stopWriting(reason);
    if (this.#writesInFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /**
   * One write; with `fua` it is durable when it completes. A single `await`: a lone append waits for each
   * turn of a promise between the drive and its caller.
   */
  async write(
    purpose: WritePurpose,
    byteOffset: number,
    source: Uint8Array,
    { fua }: { readonly fua: boolean },
  ): Promise<void> {
    this.#checkNotStopped();
    this.#tally.add(purpose, source.length);
    if (fua) this.#tally.fuaWrites += 1;
    const lba = byteOffset / this.device.geometry.logicalBlockBytes;
    this.#writesInFlight += 1;
    let byteCount: number;
    try {
      byteCount = await this.device.write(lba, source, { fua });
    } finally {
      this.#noteSettled();
    }
    if (byteCount !== source.length) {
      throw new DeviceError(
        'EIO',
        'write',
        `${byteCount} of ${source.length} bytes written at byte ${byteOffset}`,
      );
    }
  }

  /** Bytes of the caller's that are written without a record in the log. */
  countUserBytes(byteCount: number): void {
    this.#tally.userBytes += byteCount;
  }

  /** Bytes of a write that carry nothing; they are counted apart from it. */
  countPadding(purpose: WritePurpose, byteCount: number): void {
    this.#tally.add(purpose, -byteCount);
    this.#tally.add('padding', byteCount);
  }

  /** Resolves once all parts are durable; they may become so in any order. */
  async writeDurably(purpose: WritePurpose, parts: readonly WritePart[]): Promise<void> {
    await Promise.all(
      parts.map((part) =>
        this.write(purpose, part.byteOffset, part.source, { fua: this.path === 'fua' }),
      ),
    );
    if (this.path === 'flush') await this.flush();
  }

  async read(byteOffset: number, target: Uint8Array): Promise<void> {
    const lba = byteOffset / this.device.geometry.logicalBlockBytes;
    const byteCount = await this.device.read(lba, target);
    if (byteCount !== target.length) {
      throw new DeviceError(
        'EIO',
        'read',
        `${byteCount} of ${target.length} bytes read at byte ${byteOffset}`,
      );
    }
  }

  async flush(): Promise<void> {
    this.#checkNotStopped();
    this.#tally.flushes += 1;
    await this.device.flush();
  }

  /** Makes what was written plainly durable: nothing to do where there is no cache to flush. */
  async flushPlainWrites(): Promise<void> {
    if (this.path !== 'none') await this.flush();
  }

  #noteSettled(): void {
    this.#writesInFlight -= 1;
    if (this.#writesInFlight === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new OutcomeUnknown(this.#stopped);
  }
}
