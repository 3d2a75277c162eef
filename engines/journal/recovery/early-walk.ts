import type { JournalKeys } from '../crypto/journal-keys.ts';
import { readLogPages, type MirroredRing } from '../double-write/mirrored-ring.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { readRing, type RingContents } from './read-ring.ts';
import { RingScan } from './ring-scan.ts';
import { isRolledBack } from './rolled-back.ts';
import { LogWalker, type WalkedLog } from './walk-log.ts';

export interface ReadLog extends MirroredRing {
  /** Undefined where the pages are as they were read. */
  readonly early: EarlyWalk | undefined;
}

/**
 * Reads the ring, and walks the log while the rest of it is on its way. That the superblock had fallen
 * back (rule R7) may show only at the end: then the log begins elsewhere, what was walked is worth
 * nothing, and the ring is read again. A mirrored ring must be made whole before anybody looks at it,
 * and encrypted pages are opened only once it is certain which epochs there are.
 */
export async function readLog(
  journal: DeviceIo,
  superblock: Superblock,
  crc32c: Crc32c,
  keys: JournalKeys | undefined,
): Promise<ReadLog> {
  if (superblock.doubleWrite === 'full' || keys !== undefined) {
    return { ...(await readLogPages(journal, superblock, crc32c)), early: undefined };
  }
  const early = new EarlyWalk(superblock, crc32c);
  const { layout, tail } = superblock;
  const firstSlot = tail.pageSeq % layout.ringPages;
  const ring = await readRing(journal, layout, {
    firstSlot,
    onRead: (read, pageCount) => {
      early.follow(read, pageCount);
    },
  });
  if (!early.isVoid) return { ring, repairs: new Map(), early };
  journal.device.release?.(ring.pages.bytes);
  return { ...(await readLogPages(journal, superblock, crc32c)), early: undefined };
}

/** The scan and the walk in step with the reads. What they refuse is thrown by who asks for them. */
export class EarlyWalk {
  readonly #superblock: Superblock;
  readonly #crc32c: Crc32c;
  #scan: RingScan | undefined;
  #walker: LogWalker | undefined;
  #scanFailure: unknown;
  #walkFailure: unknown;

  constructor(superblock: Superblock, crc32c: Crc32c) {
    this.#superblock = superblock;
    this.#crc32c = crc32c;
  }

  get isVoid(): boolean {
    return this.#scan !== undefined && isRolledBack(this.#scan, this.#superblock);
  }

  /** So many pages from the tail on have been read. */
  follow(ring: RingContents, pageCount: number): void {
    if (this.#scanFailure !== undefined) return;
    try {
      this.#begin(ring).classify(pageCount);
    } catch (error) {
      this.#scanFailure = error;
      return;
    }
    this.#walk(pageCount);
  }

  /** What every slot holds. Throws what `scanRing` throws. */
  scan(): RingScan {
    if (this.#scanFailure !== undefined) throw this.#scanFailure as Error;
    return this.#scan!;
  }

  /** Throws what `walkLog` throws. */
  log(): WalkedLog {
    if (this.#walkFailure !== undefined) throw this.#walkFailure as Error;
    return this.#walker!.log;
  }

  #begin(ring: RingContents): RingScan {
    const { epochs, tail } = this.#superblock;
    if (this.#scan === undefined) {
      const codec = pageCodecOf(this.#superblock, this.#crc32c);
      this.#scan = new RingScan(ring, codec, { tailPageSeq: tail.pageSeq, epochs });
      this.#walker = new LogWalker(this.#scan, tail, this.#crc32c, undefined);
    }
    return this.#scan;
  }

  #walk(pageCount: number): void {
    if (this.#walkFailure !== undefined || this.isVoid) return;
    try {
      this.#walker!.walk(pageCount);
    } catch (error) {
      this.#walkFailure = error;
    }
  }
}
