/**
 * Which epoch owns which pages. Every open starts an epoch at the end of what the one before left
 * behind; a page of any other epoch at that place is dead for good, whatever its CRC says, so that
 * nothing that was once rolled back returns (JOURNAL-ENGINE R6, I2).
 */
export interface EpochEntry {
  /** The owners are the epochs from `epochFrom` to `epoch`: one, unless entries were merged. */
  readonly epochFrom: number;
  readonly epoch: number;
  readonly firstPageSeq: number;
  readonly firstLsn: number;
  /** Of `epochFrom`. Public; the key of its pages is derived from it. */
  readonly salt: Uint8Array;
}

/** What room the superblock has for them beside the table of consumers. */
export const epochEntriesMax = 31;

export function ownerOf(epochs: readonly EpochEntry[], pageSeq: number): EpochEntry | undefined {
  for (let index = epochs.length - 1; index >= 0; index--) {
    const entry = epochs[index]!;
    if (entry.firstPageSeq <= pageSeq) return entry;
  }
  return undefined;
}

export function owns(entry: EpochEntry | undefined, epoch: number): boolean {
  return entry !== undefined && epoch >= entry.epochFrom && epoch <= entry.epoch;
}

/**
 * The table with a new epoch, without entries whose pages are all before the tail. Where it would
 * overflow, the two oldest entries become one that either epoch may own: their pages have been read
 * and found whole and chained by the recovery that is starting this epoch, so no dead page of either
 * is left among them.
 */
export function withEpoch(
  epochs: readonly EpochEntry[],
  added: EpochEntry,
  tailPageSeq: number,
): readonly EpochEntry[] {
  const kept = [...epochs.filter((entry) => entry.firstPageSeq < added.firstPageSeq), added];
  while (kept.length > 1 && kept[1]!.firstPageSeq <= tailPageSeq) kept.shift();
  while (kept.length > epochEntriesMax) {
    const [first, second] = kept.splice(0, 2) as [EpochEntry, EpochEntry];
    kept.unshift({ ...first, epoch: second.epoch });
  }
  return kept;
}
