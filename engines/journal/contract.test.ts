import { describe, expect, test } from 'vitest';
import type { AreaPromises, FaultPromise } from '../../harness/contract/index.ts';
import { journalOptions, type JournalOptions } from './config.ts';
import { areasOf, contractFor } from './contract.ts';
import { driveGeometry } from './twin.fixture.ts';

const ring = { ringPages: 64, segmentPages: 16, dataBlocks: 64 };

function contractOf(options: JournalOptions, logicalBlockBytes = 4096) {
  const main = driveGeometry({ logicalBlockBytes });
  return contractFor(journalOptions.parse({ ...ring, ...options }), { main });
}

function promiseOf(promise: FaultPromise | AreaPromises, area: string): string | undefined {
  return 'byArea' in promise ? promise.byArea[area]?.level : promise.level;
}

describe('a mode promises what it can keep', () => {
  test.each(['journal', 'ordered', 'undo-redo'] as const)('%s: what was acknowledged', (mode) => {
    expect(contractOf({ mode })).toMatchObject({
      durableWhen: 'acknowledged',
      atomicUnit: 'operation',
      ordering: 'prefix',
      unflushedContents: 'old-or-new',
    });
  });

  test('writeback: what was flushed, and anything of the rest (@req B9)', () => {
    expect(contractOf({ mode: 'writeback' })).toMatchObject({
      durableWhen: 'flushed',
      atomicUnit: 'block',
      ordering: 'none',
      unflushedContents: 'anything',
    });
  });

  test.each([
    [4096, 'old-or-new'],
    [512, 'anything'],
  ] as const)('none, LBAs of %i bytes: what was flushed, %s of the rest (@req A5)', (lba, rest) => {
    expect(contractOf({ mode: 'none' }, lba)).toMatchObject({
      durableWhen: 'flushed',
      unflushedContents: rest,
    });
  });

  test('a map that may tear and is not written twice is only detected (@req C5)', () => {
    const off = { mode: 'ordered', doubleWrite: 'off' } as const;
    expect(promiseOf(contractOf(off, 512).promises['power-loss'], '')).toBe('detects');
    expect(promiseOf(contractOf(off, 4096).promises['power-loss'], '')).toBe('survives');
    expect(promiseOf(contractOf({ mode: 'ordered' }, 512).promises['power-loss'], '')).toBe(
      'survives',
    );
  });

  test.each(['lost-write', 'torn-write', 'misdirected-write', 'bit-rot', 'stale-read'] as const)(
    '%s: detected in data that has digests, survived in a log that is written twice (@req C5)',
    (fault) => {
      const inData = (mode: 'journal' | 'ordered' | 'writeback'): string | undefined =>
        promiseOf(contractOf({ mode }).promises[fault], 'data');
      expect([inData('journal'), inData('ordered'), inData('writeback')]).toEqual([
        'nothing',
        'detects',
        'nothing',
      ]);
      const inLog = (doubleWrite: 'off' | 'destage' | 'full'): string | undefined =>
        promiseOf(contractOf({ doubleWrite }).promises[fault], 'journal');
      expect([inLog('off'), inLog('destage'), inLog('full')]).toEqual([
        'detects',
        'detects',
        fault === 'misdirected-write' ? 'detects' : 'survives',
      ]);
    },
  );
});

test('a strict journal detects every lost journal write, without an exception', () => {
  const exceptionOf = (strict: boolean): string | undefined => {
    const promise = contractOf({ strict }).promises['lost-write'];
    return 'byArea' in promise ? promise.byArea['journal']!.except : promise.except;
  };
  expect([exceptionOf(false), exceptionOf(true)]).toEqual(['not-carried', undefined]);
});

test('faults can be aimed at all that is there, and at nothing that is not', () => {
  const names = (options: JournalOptions): string[] => [
    ...new Set(
      areasOf(journalOptions.parse({ ...ring, ...options }), { main: driveGeometry() }).map(
        ({ name }) => name,
      ),
    ),
  ];
  expect(names({})).toEqual(['label', 'superblock', 'journal', 'data']);
  expect(names({ mode: 'ordered', doubleWrite: 'full' })).toEqual([
    'label',
    'superblock',
    'double-write',
    'mirror',
    'journal',
    'map',
    'data',
  ]);
});
