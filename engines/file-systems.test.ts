// Goal: the engines that are file systems say what they promise and how they are made in every
// configuration, and refuse configurations that the kernel does not have. Method: options in, contract
// and recipe out; nothing is mounted here.
import { describe, expect, it, test } from 'vitest';
import {
  faultClasses,
  type DeviceGeometry,
  type FileSystemAdapter,
  type Host,
} from '../harness/contract/index.ts';
import btrfs from './btrfs/index.ts';
import ext4 from './ext4/index.ts';
import f2fs from './f2fs/index.ts';
import nilfs2 from './nilfs2/index.ts';
import xfs from './xfs/index.ts';

const engines: readonly FileSystemAdapter[] = [ext4, xfs, btrfs, f2fs, nilfs2];

const volatile: DeviceGeometry = {
  logicalBlockBytes: 512,
  capacityBlocks: (64 * 2 ** 20) / 512,
  atomicWriteBlocks: 8,
  writeCache: 'volatile',
  supportsFua: true,
};
/** It tears what is larger than a sector. */
const tearing: DeviceGeometry = { ...volatile, atomicWriteBlocks: 1 };
const protectedDrive: DeviceGeometry = { ...volatile, writeCache: 'none' };

function contractOf(engine: FileSystemAdapter, options: unknown, geometry = volatile) {
  return engine.contractFor(engine.options.parse(options), geometry);
}

function recipeOf(engine: FileSystemAdapter, options: unknown, geometry = volatile) {
  return engine.recipeFor(engine.options.parse(options), geometry);
}

function mountOptionsOf(options: unknown): string[] {
  return recipeOf(ext4, options).mountOptions.split(',');
}

describe.each(engines.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  it('survives power loss by default, and keeps what fsync acknowledged', () => {
    const contract = contractOf(engine, {});
    expect(contract.promises['power-loss'].level).toBe('survives');
    expect(contract).toMatchObject({ syncsAreDurable: true, unsyncedData: 'old-or-new' });
  });

  it('answers for every class of faults, with a citation', () => {
    const { promises } = contractOf(engine, {});
    expect(Object.keys(promises).sort()).toEqual([...faultClasses].sort());
    for (const { citation } of Object.values(promises)) expect(citation).not.toBe('');
  });

  it('promises nothing of a drive that lies about flush, where there is a cache to lie about', () => {
    expect(contractOf(engine, {}).promises['flush-ignored'].level).toBe('nothing');
    const { promises } = contractOf(engine, {}, protectedDrive);
    expect(promises['flush-ignored'].level).toBe('survives');
  });

  it('promises only what its sync policy carries out', () => {
    const durable = (sync: string) => {
      const { writesAreDurable, syncsAreDurable, fsyncCovers } = contractOf(engine, { sync });
      return { writesAreDurable, syncsAreDurable, namesToo: fsyncCovers !== 'nothing' };
    };
    const no = { writesAreDurable: false, syncsAreDurable: false, namesToo: false };
    expect(durable('fsync')).toEqual({ ...no, syncsAreDurable: true, namesToo: true });
    expect(durable('fdatasync')).toEqual({ ...no, syncsAreDurable: true });
    expect(durable('dsync')).toEqual({ ...no, writesAreDurable: true });
    expect(durable('sync-file-range')).toEqual(no);
    expect(durable('none')).toEqual(no);
  });

  it('is made on the node, without discarding what the drive held', () => {
    const { program, args } = recipeOf(engine, {}).make('/dev/loop7');
    expect(program).toMatch(/^mk/);
    expect(args).toContain('/dev/loop7');
    const text = args.join(' ');
    expect(/nodiscard|-K|-t 0/.test(text)).toBe(true);
  });

  it('refuses an option that it does not know', () => {
    expect(() => engine.options.parse({ turbo: true })).toThrow(/turbo/);
  });

  it('is not available on another system, and says why', async () => {
    const host: Host = {
      platform: 'darwin',
      kernelRelease: '0',
      isRoot: true,
      hasSystemCalls: async () => true,
      hasIoUring: async () => true,
      hasLoopDevices: async () => true,
      hasFuse: async () => true,
    };
    expect(await engine.probe(host)).toMatchObject({ available: false, reason: /Linux/ });
  });
});

describe('ext4', () => {
  test.each([
    [{ journalAsyncCommit: true }, /journalAsyncCommit|"writeback" or "journal"/],
    [{ fastCommit: true, data: 'journal' }, /full commit/],
    [{ driver: 'ext2', journal: true }, /ext2 has no journal/],
    [{ driver: 'ext2', data: 'writeback' }, /no journal that it could act on/],
    [{ journal: false, fastCommit: true }, /no journal that it could act on/],
    [{ journal: false, journalChecksum: true }, /no journal that it could act on/],
    [{ journalMebibytes: 2 }, /at least 1024 blocks of 4096 bytes/],
  ])('refuses %j in words', (options, words) => {
    expect(() => ext4.options.parse(options)).toThrow(words);
  });

  it('puts every option of its mount where the kernel looks for it', () => {
    expect(mountOptionsOf({})).toEqual(['data=ordered', 'barrier']);
    expect(
      mountOptionsOf({
        data: 'writeback',
        journalChecksum: true,
        journalAsyncCommit: true,
        barrier: false,
        autoDaAlloc: false,
        delayedAllocation: false,
        unwrittenExtents: false,
      }),
    ).toEqual([
      'data=writeback',
      'journal_checksum',
      'journal_async_commit',
      'nobarrier',
      'noauto_da_alloc',
      'nodelalloc',
      'dioread_lock',
    ]);
    expect(mountOptionsOf({ journal: false })).toEqual(['barrier']);
  });

  it('is made with fixed numbers, and with the features that were asked for', () => {
    const text = (options: unknown): string => recipeOf(ext4, options).make('N').args.join(' ');
    expect(text({})).toMatch(/-U [0-9a-f-]{36} .*hash_seed=[0-9a-f-]{36}/);
    expect(text({ fastCommit: true })).toContain('fast_commit');
    expect(text({ metadataChecksums: false })).toContain('^metadata_csum');
    expect(text({ journal: false })).toContain('^has_journal');
    expect(text({ driver: 'ext2' })).toContain('-t ext2');
  });

  it('refuses blocks that are smaller than those of the drive', () => {
    const large = { ...volatile, logicalBlockBytes: 4096, atomicWriteBlocks: 1 };
    expect(() => recipeOf(ext4, { blockBytes: 1024 }, large)).toThrow(/blocks of 4096/);
    expect(() => recipeOf(xfs, { blockBytes: 2048 }, large)).toThrow(/blocks of 4096/);
  });

  it('is repaired before it is mounted where there is no log to recover, and only there', () => {
    expect(recipeOf(ext4, {}).repair).toBeUndefined();
    for (const options of [{ journal: false }, { driver: 'ext2' }]) {
      expect(recipeOf(ext4, options).repair?.command('N').args).toContain('-y');
    }
  });

  it('promises nothing without barriers on a volatile cache, and all of it without a cache', () => {
    expect(contractOf(ext4, { barrier: false })).toMatchObject({
      syncsAreDurable: false,
      namespaceOrder: 'none',
      unsyncedData: 'anything',
      checkIsClean: false,
    });
    const { promises } = contractOf(ext4, { barrier: false });
    expect(promises['power-loss'].level).toBe('nothing');
    expect(contractOf(ext4, { barrier: false }, protectedDrive)).toEqual(
      contractOf(ext4, {}, protectedDrive),
    );
  });

  it('lets data=writeback show anything in what was not synced, and keeps the rest (@req B9)', () => {
    expect(contractOf(ext4, { data: 'writeback' })).toEqual({
      ...contractOf(ext4, {}),
      unsyncedData: 'anything',
    });
  });

  it('never tears journalled data, and tears other data where the drive or a block does', () => {
    expect(contractOf(ext4, { data: 'journal' }).dataAtomicBytes).toBe(4096);
    expect(contractOf(ext4, {}, tearing).dataAtomicBytes).toBe(512);
    const large = { ...volatile, atomicWriteBlocks: 32 };
    expect(contractOf(ext4, {}, large).dataAtomicBytes).toBe(4096);
    expect(contractOf(ext4, { blockBytes: 1024 }, large).dataAtomicBytes).toBe(1024);
  });

  it('says that a rename carries data only where a commit waits for it (@req B11)', () => {
    const carries = (options: unknown) => contractOf(ext4, options).renameCarriesData;
    expect(carries({})).toBe(false);
    expect(carries({ unwrittenExtents: false })).toBe(true);
    expect(carries({ unwrittenExtents: false, autoDaAlloc: false })).toBe(false);
    expect(carries({ delayedAllocation: false, autoDaAlloc: false })).toBe(true);
    expect(carries({ data: 'journal' })).toBe(true);
    expect(carries({ data: 'writeback', delayedAllocation: false })).toBe(false);
  });

  it('promises only consistency, by way of e2fsck, without a journal', () => {
    expect(contractOf(ext4, { driver: 'ext2' })).toMatchObject({
      syncsAreDurable: false,
      checkIsClean: true,
      promises: { 'power-loss': { level: 'nothing' } },
    });
  });
});

describe('power loss is only detected', () => {
  const levelOf = (engine: FileSystemAdapter, options: unknown, geometry = volatile) =>
    contractOf(engine, options, geometry).promises['power-loss'].level;

  it('where a drive tears a block that has a checksum and is written in place', () => {
    expect(levelOf(ext4, {}, tearing)).toBe('detects');
    expect(levelOf(ext4, { metadataChecksums: false }, tearing)).toBe('survives');
    expect(levelOf(ext4, {}, { ...tearing, atomicWriteBlocks: 2 })).toBe('survives');
    expect(levelOf(xfs, {}, tearing)).toBe('detects');
    expect(levelOf(btrfs, {}, tearing)).toBe('detects');
  });

  it('where a commit may be there before its blocks, each with a checksum of its own', () => {
    const options = { data: 'writeback', journalAsyncCommit: true };
    expect(levelOf(ext4, options)).toBe('detects');
    expect(levelOf(ext4, { ...options, metadataChecksums: false })).toBe('survives');
  });
});

describe('xfs', () => {
  it('is made below 300 MiB only as unsupported, which it must be told', () => {
    expect(recipeOf(xfs, {}).make('N').args).toContain('--unsupported');
    const large = { ...volatile, capacityBlocks: (300 * 2 ** 20) / 512 };
    expect(recipeOf(xfs, {}, large).make('N').args).not.toContain('--unsupported');
    expect(recipeOf(xfs, { log: 'small' }, large).make('N').args).toContain('size=10m');
  });

  it('may be mounted several times at once', () => {
    expect(recipeOf(xfs, {}).mountOptions).toBe('nouuid');
  });
});

describe('btrfs', () => {
  it('detects what the checksum of data shows', () => {
    const { promises } = contractOf(btrfs, {});
    expect(promises['bit-rot'].level).toBe('detects');
    expect(promises['lost-write'].level).toBe('detects');
  });
});

it('a host is missing the kernel or the tool by name', async () => {
  const host: Host = {
    platform: 'linux',
    kernelRelease: 'none',
    isRoot: true,
    hasSystemCalls: async () => true,
    hasIoUring: async () => true,
    hasLoopDevices: async () => true,
    hasFuse: async () => true,
  };
  const answer = await nilfs2.probe(host);
  if (!answer.available) expect(answer.reason).toMatch(/nilfs2|mkfs\.nilfs2/);
});
