import type { EngineCounters } from '../../../harness/contract/index.ts';

export type WritePurpose =
  | 'journal'
  | 'padding'
  | 'watermark'
  | 'superblock'
  | 'destage'
  /** Blocks written once, where they stay. */
  | 'data'
  | 'map'
  /** Second copies: of what is written in place, and of pages of the log. */
  | 'double-write'
  | 'format';

/** What the journal submitted, by purpose; one tally for both devices. */
export class WriteTally {
  userBytes = 0;
  flushes = 0;
  fuaWrites = 0;
  readonly #writtenBytes: Record<WritePurpose, number> = {
    journal: 0,
    padding: 0,
    watermark: 0,
    superblock: 0,
    destage: 0,
    data: 0,
    map: 0,
    'double-write': 0,
    format: 0,
  };

  add(purpose: WritePurpose, byteCount: number): void {
    this.#writtenBytes[purpose] += byteCount;
  }

  counters(): EngineCounters {
    return {
      userBytes: this.userBytes,
      writtenBytes: { ...this.#writtenBytes },
      flushes: this.flushes,
      fuaWrites: this.fuaWrites,
    };
  }
}
