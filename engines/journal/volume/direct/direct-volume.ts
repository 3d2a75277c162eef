import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { OutcomeUnknown } from '../../errors.ts';
import { blockBytes } from '../../format/layout.ts';
import { recordTypes } from '../../format/record-types.ts';
import { flushData } from '../flush-data.ts';
import type { VolumeKind, VolumeLog, VolumeMode, VolumeSite } from '../volume-mode.ts';

/** Mode `none`: the log holds nothing of the volume, so there is nothing to recover. */
export const directVolume: VolumeKind = {
  format: () => Promise.resolve(),
  async beginReplay(site) {
    // What a killed process left in the cache of a data device may be read; it must not vanish later.
    if (site.data !== site.journal) await site.data.flushPlainWrites();
    return {
      replayedCount: 0,
      isInside: false,
      apply: ({ type }) => type === recordTypes.consumerMark,
      passOver: () => undefined,
      endEpoch: () => undefined,
      restore: () => Promise.resolve(0),
      open: (log) => new DirectVolume(site, log),
    };
  },
};

/**
 * A volume without a journal, to show what one is for (REQUIREMENTS A5): a write goes straight to its
 * place and is acknowledged when it has completed, wherever the drive keeps it by then. Only `flush`
 * makes it durable, and nothing makes it atomic. Answers 0 for an LSN: no record says that it was.
 */
class DirectVolume implements VolumeMode {
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  /** Writes on their way: how to end them when the journal stops. */
  readonly #open = new Map<Promise<number>, (error: Error) => void>();
  /** The last write of a block that is on its way: the drive may mix what overlaps. */
  readonly #lastOf = new Map<number, Promise<unknown>>();

  constructor(site: VolumeSite, log: VolumeLog) {
    this.#site = site;
    this.#log = log;
  }

  write(block: number, data: Uint8Array): Promise<number> {
    const written = this.#afterOverlapping(block, data);
    const stopped = new Promise<never>((_, reject) => this.#open.set(written, reject));
    return Promise.race([written, stopped]).finally(() => this.#open.delete(written));
  }

  transaction(): Promise<number> {
    const message = 'mode "none" has no transactions: nothing would make one all or nothing';
    return Promise.reject(new EngineRefusal('incompatible', message));
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    await this.#site.data.read(this.#placeOf(block), target);
  }

  noteAcknowledged(): void {
    // Records in the log are the caller's alone.
  }

  checkpoint(): Promise<void> {
    return Promise.resolve();
  }

  async flush(): Promise<void> {
    await Promise.allSettled([...this.#open.keys()]);
    await flushData(this.#site, this.#log);
  }

  stop(reason: string): void {
    for (const reject of this.#open.values()) reject(new OutcomeUnknown(reason));
  }

  async #afterOverlapping(block: number, data: Uint8Array): Promise<number> {
    const blocks = Array.from({ length: data.length / blockBytes }, (_, index) => block + index);
    const earlier = blocks.flatMap((one) => this.#lastOf.get(one) ?? []);
    const written =
      earlier.length > 0
        ? Promise.all(earlier).then(() => this.#writeNow(block, data))
        : this.#writeNow(block, data);
    const done = written.catch(() => undefined);
    for (const one of blocks) this.#lastOf.set(one, done);
    try {
      await written;
    } finally {
      for (const one of blocks) if (this.#lastOf.get(one) === done) this.#lastOf.delete(one);
    }
    this.#site.data.countUserBytes(data.length);
    return 0;
  }

  async #writeNow(block: number, data: Uint8Array): Promise<void> {
    try {
      await this.#site.data.write('data', this.#placeOf(block), data, { fua: false });
    } catch (error) {
      this.#log.fail(error);
      const reason = error instanceof Error ? error.message : String(error);
      throw new OutcomeUnknown(reason, { cause: error });
    }
  }

  #placeOf(block: number): number {
    return this.#site.layout.extents.data.byteOffset + block * blockBytes;
  }
}
