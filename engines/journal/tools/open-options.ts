import { journalOptions, type JournalConfig, type JournalOptions } from '../config.ts';
import type { Superblock } from '../format/superblock.ts';

/**
 * The options that a tool opens a journal with: as it was made, and with the window that it was last
 * used with, so that opening it by a tool changes nothing about it.
 */
export function openOptionsFor(
  superblock: Superblock,
  chosen: Partial<JournalOptions> = {},
): JournalConfig {
  const { layout, windowPages, mode, isStrict, doubleWrite, trustsAtomicUnit } = superblock;
  const { pageBytes, ringPages, segmentPages, dataBlocks, spareBlocks } = layout;
  const made = {
    pageBytes,
    ringPages,
    segmentPages,
    dataBlocks,
    spareBlocks,
    mode,
    strict: isStrict,
    doubleWrite,
    trustAtomicUnit: trustsAtomicUnit,
    windowPages,
  };
  const { batchPagesMax } = journalOptions.parse({ pageBytes, ringPages, segmentPages });
  return journalOptions.parse({
    ...made,
    batchPagesMax: Math.min(batchPagesMax, windowPages, segmentPages),
    ...chosen,
  });
}
