// Goal: each engine that this host offers really is what its description says. Method: it is made and
// mounted on a recorded drive, some operations are performed through the file driver, crash states are
// explored, and everything that was synced must be in every state that comes after.
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom, type FileOp, type FileSystemAdapter } from '../harness/contract/index.ts';
import { probeHost } from '../harness/device/host-probe.ts';
import { fillFileBytes } from '../harness/ledger/file-pattern.ts';
import { kernelTwinGap } from '../harness/rigs/fuse.ts';
import {
  imagesOf,
  makeImage,
  mixedOps,
  MounterForTest,
  recordFiles,
  type MadeImage,
} from '../harness/rigs/recorded-files.fixture.ts';
import btrfs from './btrfs/index.ts';
import ext4 from './ext4/index.ts';
import f2fs from './f2fs/index.ts';
import nilfs2 from './nilfs2/index.ts';
import xfs from './xfs/index.ts';

const host = probeHost();
const hasTwin = kernelTwinGap() === undefined;

interface Configuration {
  readonly engine: FileSystemAdapter;
  readonly options: unknown;
  readonly mebibytes: number;
  readonly sectorBytes: number;
}

const configurations: readonly Configuration[] = [
  {},
  { journalChecksum: true, metadataChecksums: false },
  { data: 'writeback', journalAsyncCommit: true },
  { data: 'writeback', delayedAllocation: false, unwrittenExtents: false },
  { data: 'journal' },
  { fastCommit: true },
  { barrier: false, autoDaAlloc: false },
  { journal: false },
  { driver: 'ext2' },
].map((options): Configuration => ({ engine: ext4, options, mebibytes: 64, sectorBytes: 4096 }));

const others: readonly Configuration[] = [
  { engine: ext4, options: { blockBytes: 1024 }, mebibytes: 64, sectorBytes: 512 },
  { engine: xfs, options: {}, mebibytes: 64, sectorBytes: 4096 },
  { engine: xfs, options: { log: 'small' }, mebibytes: 300, sectorBytes: 4096 },
  { engine: btrfs, options: {}, mebibytes: 128, sectorBytes: 4096 },
  { engine: f2fs, options: {}, mebibytes: 64, sectorBytes: 4096 },
  { engine: nilfs2, options: {}, mebibytes: 64, sectorBytes: 4096 },
];

const available = await Promise.all(
  [...configurations, ...others].map(async (configuration) => ({
    ...configuration,
    title: `${configuration.engine.name} ${JSON.stringify(configuration.options)}`,
    isThere: hasTwin && (await configuration.engine.probe(host)).available,
  })),
);

const made = new Map<string, MadeImage>();
afterAll(() => {
  made.clear();
});

const synced = 5000;
const ops: readonly FileOp[] = [
  { kind: 'mkdir', path: 'a' },
  { kind: 'create', path: 'a/kept' },
  { kind: 'write', path: 'a/kept', byteOffset: 0, byteCount: synced },
  { kind: 'fsync', path: 'a/kept' },
  { kind: 'fsync', path: 'a' },
  { kind: 'fsync', path: '' },
  { kind: 'create', path: 'a/other' },
  { kind: 'append', path: 'a/other', byteCount: 9000 },
  { kind: 'link', path: 'a/kept', to: 'hard' },
  { kind: 'symlink', path: 'soft', target: 'a/kept' },
  { kind: 'sync' },
];

describe.each(available)(
  '$title',
  ({ engine, options, mebibytes, sectorBytes, isThere, title }) => {
    it.runIf(isThere)(
      'is made and mounted, and its last state is the whole tree, clean',
      async () => {
        const image = await makeImage(engine, options, mebibytes, sectorBytes);
        made.set(title, image);
        const recorded = await recordFiles(image, ops, 12);
        expect(recorded.outcomes.map(({ status }) => status)).toEqual(
          ops.map(() => 'acknowledged'),
        );
        await using test = await MounterForTest.open(image);
        const bytes = new Uint8Array(synced);
        fillFileBytes(bytes, { seed: 1, op: 3, byteOffset: 0 });
        let recovered = await test.mounter.recover(image.fresh);
        expect(recovered).toMatchObject({ opened: true, tree: new Map() });
        for (const state of imagesOf(recorded)) recovered = await test.mounter.recover(state);
        // The state that was born last holds everything, as `sync` came last.
        if (!recovered.opened) throw new Error(recovered.message);
        expect([...recovered.tree.keys()].sort()).toEqual([
          'a',
          'a/kept',
          'a/other',
          'hard',
          'soft',
        ]);
        const kept = recovered.tree.get('a/kept');
        expect(kept).toMatchObject({ kind: 'file', links: 2, content: bytes });
        expect(recovered.tree.get('hard')).toEqual(kept);
        expect(recovered.tree.get('soft')).toEqual({ kind: 'symlink', target: 'a/kept' });
        if (recovered.check !== undefined) expect(recovered.check).toMatchObject({ clean: true });
        test.mounter.verify();
      },
    );

    it.runIf(isThere)('recovers crash states of a mixed workload', async () => {
      const image = made.get(title)!;
      const recorded = await recordFiles(image, mixedOps(60, createRandom(title)), 15);
      await using test = await MounterForTest.open(image);
      const contract = engine.contractFor(engine.options.parse(options), image.geometry);
      const isPromised = contract.promises['power-loss'].level === 'survives';
      for (const state of imagesOf(recorded)) {
        const recovered = await test.mounter.recover(state);
        if (!isPromised) continue;
        expect(recovered.opened).toBe(true);
        if (recovered.opened && recovered.check !== undefined) {
          expect(recovered.check).toMatchObject({ clean: true });
        }
      }
      test.mounter.verify();
    });
  },
);
