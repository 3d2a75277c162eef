import type {
  DeviceCommand,
  DeviceGeometry,
  FileSystemRecipe,
} from '../../harness/contract/index.ts';
import { assertBlockFits, fixedHashSeed, fixedUuid } from '../file-system-engine.ts';
import { hasJournal, type Ext4Config } from './options.ts';

const mebibyte = 2 ** 20;

export function recipeFor(config: Ext4Config, geometry: DeviceGeometry): FileSystemRecipe {
  assertBlockFits(config.blockBytes, geometry);
  const isJournalled = hasJournal(config);
  return {
    type: 'ext4',
    make: (node) => makeCommand(config, node),
    mountOptions: mountOptionsOf(config).join(','),
    check: (node) => ({ program: 'e2fsck', args: ['-f', '-n', node] }),
    cleanExitCodes: [0],
    ...(isJournalled ? {} : { repair: { command: repairCommand, exitCodes: [0, 1] } }),
    minimumBytes: ((isJournalled ? config.journalMebibytes : 0) + 12) * mebibyte,
    syncPolicy: config.sync,
  };
}

/**
 * No lazy initialisation, which would write in the background for minutes; no discard, so that free
 * blocks keep the foreign data by which stale data is told. Times come from E2FSPROGS_FAKE_TIME.
 */
function makeCommand(config: Ext4Config, node: string): DeviceCommand {
  const isJournalled = hasJournal(config);
  return {
    program: 'mke2fs',
    args: [
      ...['-q', '-F', '-t', config.driver],
      ...['-b', String(config.blockBytes), '-N', String(config.inodes)],
      ...['-O', featuresOf(config).join(',')],
      ...(isJournalled ? ['-J', `size=${config.journalMebibytes}`] : []),
      ...['-U', fixedUuid],
      '-E',
      `nodiscard,lazy_itable_init=0,lazy_journal_init=0,hash_seed=${fixedHashSeed},root_owner=0:0`,
      node,
    ],
  };
}

/** Reserved blocks for growing are only more to read. */
function featuresOf(config: Ext4Config): string[] {
  const features = ['^resize_inode'];
  if (config.driver === 'ext2') return features;
  features.push(config.metadataChecksums ? 'metadata_csum' : '^metadata_csum');
  features.push(hasJournal(config) ? 'has_journal' : '^has_journal');
  if (config.fastCommit) features.push('fast_commit');
  return features;
}

function mountOptionsOf(config: Ext4Config): string[] {
  const options: string[] = [];
  if (hasJournal(config)) options.push(`data=${config.data}`);
  if (config.journalChecksum) options.push('journal_checksum');
  if (config.journalAsyncCommit) options.push('journal_async_commit');
  options.push(config.barrier ? 'barrier' : 'nobarrier');
  if (!config.autoDaAlloc) options.push('noauto_da_alloc');
  if (!config.delayedAllocation) options.push('nodelalloc');
  if (!config.unwrittenExtents) options.push('dioread_lock');
  return options;
}

function repairCommand(node: string): DeviceCommand {
  return { program: 'e2fsck', args: ['-f', '-y', node] };
}
