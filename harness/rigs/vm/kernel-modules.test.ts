import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isStaticProgram } from './elf.ts';
import {
  aliasTable,
  chooseModules,
  dependencyTable,
  describeModule,
  moduleName,
  type KernelModule,
  type ModuleSource,
} from './kernel-modules.ts';
import { moduleFile } from './module-file.fixture.ts';

function module(name: string, needs: Partial<KernelModule> = {}): KernelModule {
  const file = `kernel/${name.replaceAll('_', '-')}.ko`;
  return { name, file, depends: [], softDepends: [], aliases: [], ...needs };
}

function sourceOf(modules: readonly KernelModule[], builtIn: readonly string[] = []): ModuleSource {
  return {
    find: (name) => modules.find((candidate) => candidate.name === moduleName(name)),
    isBuiltIn: (name) => builtIn.includes(moduleName(name)),
  };
}

describe('a module', () => {
  it('says itself what it depends on', () => {
    const values = [
      'alias=fs-btrfs',
      'softdep=pre: crc32c xxhash64 post: other',
      'softdep=pre: sha256',
      'depends=raid6_pq,xor',
      'name=btrfs',
    ];
    expect(describeModule('kernel/fs/btrfs/btrfs.ko', moduleFile(values))).toEqual({
      name: 'btrfs',
      file: 'kernel/fs/btrfs/btrfs.ko',
      depends: ['raid6_pq', 'xor'],
      softDepends: ['crc32c', 'xxhash64', 'sha256'],
      aliases: ['fs-btrfs'],
    });
  });

  it('that depends on nothing says so with an empty list', () => {
    expect(describeModule('kernel/loop.ko', moduleFile(['depends='])).depends).toEqual([]);
  });

  it('may be written with dashes in its file name and underscores elsewhere', () => {
    expect(moduleName('kernel/drivers/md/dm-log-writes.ko')).toBe('dm_log_writes');
    expect(moduleName('kernel/fs/xfs.ko.xz')).toBe('xfs');
  });
});

describe('the modules of a guest', () => {
  const modules = [
    module('xfs', { depends: ['libcrc32c'] }),
    module('libcrc32c', { softDepends: ['crc32c'] }),
    module('dm_flakey', { depends: ['dm-mod'] }),
    module('dm_mod'),
    module('crc32c_intel', { aliases: ['crc32c', 'crypto-crc32c'] }),
    module('crc32c_generic', { aliases: ['crc32c', 'crypto-crc32c'] }),
  ];

  it('come after everything they depend on', () => {
    const choice = chooseModules(sourceOf(modules), ['xfs', 'dm-flakey', 'dm-mod']);
    const names = choice.modules.map(({ name }) => name);
    expect(names).toEqual(['libcrc32c', 'xfs', 'dm_mod', 'dm_flakey']);
  });

  it('are not missed where the kernel has them built in', () => {
    const { missing } = chooseModules(sourceOf(modules, ['ext4']), ['ext4', 'f2fs', 'xfs']);
    expect(missing).toEqual(['f2fs']);
  });

  it('are looked for once, even when they depend on each other', () => {
    const ring = [module('a', { depends: ['b'] }), module('b', { depends: ['a'] })];
    expect(chooseModules(sourceOf(ring), ['a']).modules.map(({ name }) => name)).toEqual([
      'b',
      'a',
    ]);
  });

  it('have a table in which what is needed first stands last, as modprobe reads it', () => {
    const lines = dependencyTable(modules).split('\n');
    expect(lines).toContain('kernel/xfs.ko: kernel/libcrc32c.ko kernel/crc32c-generic.ko');
    expect(lines).toContain('kernel/dm-mod.ko:');
  });

  it('never need a provider that is made for special processors', () => {
    expect(dependencyTable(modules)).not.toMatch(/libcrc32c.ko:.*intel/);
  });

  it('are found by their aliases', () => {
    expect(aliasTable(modules)).toContain('alias crypto-crc32c crc32c_generic\n');
  });
});

describe('a program for the initramfs', () => {
  it('must not need a dynamic loader', () => {
    expect(isStaticProgram(Buffer.from('#!/bin/sh\n'))).toBe(false);
    const shell = execFileSync('cat', ['/bin/sh'], { maxBuffer: 2 ** 26 });
    expect(isStaticProgram(shell)).toBe(false);
    expect(isStaticProgram(moduleFile([]))).toBe(true);
  });
});
