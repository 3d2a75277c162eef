import { z } from 'zod';
import type { ToolAnswer, ToolSite } from '../../../harness/contract/index.ts';
import { durabilityPaths } from '../format/modes.ts';
import { openConfigured } from '../journal.ts';
import { check } from './check.ts';
import { journalDevices } from './journal-devices.ts';
import { readMedium, superblockOf } from './medium.ts';
import { openOptionsFor } from './open-options.ts';
import { encryptionOption } from './tool-keys.ts';

const recoverOptions = z.strictObject({
  ...encryptionOption,
  /** Say what would be done, and do nothing. */
  dryRun: z.boolean().default(false),
  durability: z.enum(['auto', ...durabilityPaths]).default('auto'),
});

/**
 * Recovers the journal, claims it and closes it cleanly; with `dryRun` answers as `check` does, which
 * rehearses that. Throws EngineRefusal where recovery refuses.
 */
export async function recover(site: ToolSite): Promise<ToolAnswer> {
  const { dryRun, durability, encryption } = recoverOptions.parse(site.options);
  const key = encryption && { encryption };
  if (dryRun) return check({ ...site, options: { ...key } });
  const superblock = superblockOf(await readMedium(site));
  const wasClean = superblock.isClean;
  const config = openOptionsFor(superblock, { durability, ...key });
  await using journal = await openConfigured(journalDevices(site.devices), config, site.platform);
  const { recordsReplayed, blocksWritten, note } = journal.recovery;
  await journal.close();
  const { writtenBytes, flushes, fuaWrites } = journal.counters();
  const rows = [
    ['found', `${wasClean ? 'closed cleanly' : 'not closed cleanly'}: ${note}`],
    ['replayed', `${recordsReplayed} records`],
    ['written', `${blocksWritten} blocks to their places`],
    ['closed', 'cleanly: the next open has nothing to replay'],
  ];
  const data = { wasClean, recordsReplayed, blocksWritten, note, writtenBytes, flushes, fuaWrites };
  return { data, text: ['recovered', rows], outcome: 'ok' };
}
