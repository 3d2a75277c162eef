import { z } from 'zod';
import { syncOption } from '../file-system-engine.ts';

/** How ext4 is made and mounted. Names follow mke2fs(8) and ext4(5). */
export const ext4Options = z
  .strictObject({
    /** `ext2`: made by `mke2fs -t ext2`, no journal and no extents, mounted by the ext4 driver. */
    driver: z.enum(['ext4', 'ext2']).default('ext4'),
    /** Default: true with driver `ext4`. */
    journal: z.boolean().optional(),
    data: z.enum(['ordered', 'writeback', 'journal']).default('ordered'),
    /** With metadata checksums the journal has its own in any case. */
    journalChecksum: z.boolean().default(false),
    /** The commit block need not wait for the blocks of its transaction. */
    journalAsyncCommit: z.boolean().default(false),
    fastCommit: z.boolean().default(false),
    /** false is the mount option `nobarrier`: commits and syncs do without flush and FUA. */
    barrier: z.boolean().default(true),
    /** false is `noauto_da_alloc`: a rename over a file does not start to write the new one's data. */
    autoDaAlloc: z.boolean().default(true),
    /** false is `nodelalloc`: blocks are allocated by write(2) and not by write-back. */
    delayedAllocation: z.boolean().default(true),
    /** false is `dioread_lock`: write-back allocates blocks as written, before they are. */
    unwrittenExtents: z.boolean().default(true),
    metadataChecksums: z.boolean().default(true),
    blockBytes: z.literal([1024, 2048, 4096]).default(4096),
    /** At least 1024 blocks, which is the smallest that mke2fs makes. */
    journalMebibytes: z.int().min(1).max(1024).default(4),
    inodes: z.int().min(64).max(1_000_000).default(1024),
    sync: syncOption,
  })
  .superRefine((config, context) => {
    for (const [path, message] of problemsOf(config)) {
      context.addIssue({ code: 'custom', path: [path], message });
    }
  });

export type Ext4Config = z.output<typeof ext4Options>;

export function hasJournal({ driver, journal }: Pick<Ext4Config, 'driver' | 'journal'>): boolean {
  return driver === 'ext4' && journal !== false;
}

/** Combinations that the kernel refuses, or takes without doing what they say. */
function problemsOf(config: Ext4Config): [path: string, message: string][] {
  const problems: [string, string][] = [];
  const refuse = (path: string, message: string): void => {
    problems.push([path, message]);
  };
  const { driver, data, journalAsyncCommit, fastCommit, journalChecksum } = config;
  if (driver === 'ext2' && config.journal === true) {
    refuse('journal', 'ext2 has no journal: leave it out, or use driver "ext4"');
  }
  if (!hasJournal(config)) {
    const needing = { data: data !== 'ordered', journalChecksum, journalAsyncCommit, fastCommit };
    for (const [path, isAsked] of Object.entries(needing)) {
      if (isAsked) refuse(path, 'there is no journal that it could act on: set journal to true');
    }
    return problems;
  }
  if (journalAsyncCommit && data === 'ordered') {
    refuse(
      'journalAsyncCommit',
      'the kernel refuses it with data "ordered", as data must be there before the commit: use data "writeback" or "journal"',
    );
  }
  if (fastCommit && data === 'journal') {
    refuse('fastCommit', 'journalled data always takes a full commit: use another data mode');
  }
  if (config.journalMebibytes * 2 ** 20 < 1024 * config.blockBytes) {
    refuse('journalMebibytes', `a journal has at least 1024 blocks of ${config.blockBytes} bytes`);
  }
  return problems;
}
