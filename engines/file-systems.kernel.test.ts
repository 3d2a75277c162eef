// Goal: each engine that this host offers really is what its description says. Method: it is made and
// mounted on a recorded drive, some operations are performed through the file driver, crash states are
// explored, and everything that was synced must be in every state that comes after.
import { describe, expect, it } from 'vitest';
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

const made = new Map<string, Promise<MadeImage>>();

/** Each is made once for its tests. */
function imageOf(title: string, make: () => Promise<MadeImage>): Promise<MadeImage> {
  const image = made.get(title) ?? make();
  made.set(title, image);
  return image;
}

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

describe.each(available.filter(({ isThere }) => isThere))(
  '$title',
  ({ engine, options, mebibytes, sectorBytes, title }) => {
    const make = (): Promise<MadeImage> => makeImage(engine, options, mebibytes, sectorBytes);

    it('is made and mounted, and its last state is the whole tree, clean', async () => {
      const image = await imageOf(title, make);
      const recorded = await recordFiles(image, ops, 8);
      expect(recorded.outcomes.map(({ status }) => status)).toEqual(ops.map(() => 'acknowledged'));
      await using test = await MounterForTest.open(image);
      const bytes = new Uint8Array(synced);
      fillFileBytes(bytes, { seed: 1, op: 3, byteOffset: 0 });
      let recovered = await test.mounter.recover(image.fresh);
      expect(recovered).toMatchObject({ opened: true, tree: new Map() });
      for (const state of imagesOf(recorded)) await test.mounter.recover(state);
      // With all that the drive was given: without barriers a crash state may lack any of it.
      recovered = await test.mounter.recover(recorded.last);
      if (!recovered.opened) throw new Error(recovered.message);
      expect([...recovered.tree.keys()].sort()).toEqual(['a', 'a/kept', 'a/other', 'hard', 'soft']);
      const kept = recovered.tree.get('a/kept');
      expect(kept).toMatchObject({ kind: 'file', links: 2, content: bytes });
      expect(recovered.tree.get('hard')).toEqual(kept);
      expect(recovered.tree.get('soft')).toEqual({ kind: 'symlink', target: 'a/kept' });
      if (recovered.check !== undefined) expect(recovered.check).toMatchObject({ clean: true });
      test.mounter.verify();
    });

    it('recovers crash states of a mixed workload', async () => {
      const image = await imageOf(title, make);
      const recorded = await recordFiles(image, mixedOps(60, createRandom(title)), 12);
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

describe.runIf(hasTwin)('a file system that this machine lacks', () => {
  const missing = available.filter(({ isThere }) => !isThere);

  it('is one that few kernels have, and says what is missing', async () => {
    for (const { engine } of missing) {
      expect(['btrfs', 'f2fs', 'nilfs2']).toContain(engine.name);
      const answer = await engine.probe(host);
      expect(answer).toMatchObject({
        available: false,
        reason: expect.stringMatching(/kernel|install/) as unknown,
      });
    }
  });
});

/** The content of the file in what the drive held at the end, with all that was in its cache. */
async function contentAtTheEnd(
  options: unknown,
  steps: readonly FileOp[],
  path: string,
): Promise<Buffer> {
  const image = await imageOf(JSON.stringify(options), () => makeImage(ext4, options, 64));
  const recorded = await recordFiles(image, steps, 1);
  await using test = await MounterForTest.open(image, { check: false });
  const recovered = await test.mounter.recover(recorded.last);
  const entry = recovered.opened ? recovered.tree.get(path) : undefined;
  if (entry?.kind !== 'file') throw new Error(`${path} is not there`);
  return Buffer.from(entry.content);
}

describe.runIf(hasTwin)('known truths of ext4', () => {
  const unsynced: readonly FileOp[] = [
    { kind: 'create', path: 'unsynced' },
    { kind: 'write', path: 'unsynced', byteOffset: 0, byteCount: 20_000 },
    { kind: 'create', path: 'other' },
    // Commits the transaction that both are in.
    { kind: 'fsync', path: 'other' },
  ];

  it('data=writeback shows what the medium held, where write(2) allocates (@req B9)', async () => {
    const options = { data: 'writeback', delayedAllocation: false };
    const content = await contentAtTheEnd(options, unsynced, 'unsynced');
    expect(content.includes('FOREIGN!')).toBe(true);
  });

  it('data=ordered does not, and neither does data=writeback with delayed allocation (@req B8)', async () => {
    for (const options of [
      { data: 'ordered', delayedAllocation: false },
      { data: 'journal' },
      { data: 'writeback' },
    ]) {
      const content = await contentAtTheEnd(options, unsynced, 'unsynced');
      expect(content.includes('FOREIGN!')).toBe(false);
    }
  });

  it('a rename over a file leaves it empty with noauto_da_alloc, and not after an fsync (@req B11)', async () => {
    const replace = (sync: boolean): FileOp[] => [
      { kind: 'create', path: 'file' },
      { kind: 'append', path: 'file', byteCount: 9000 },
      { kind: 'fsync', path: 'file' },
      { kind: 'create', path: 'new' },
      { kind: 'append', path: 'new', byteCount: 9000 },
      ...(sync ? ([{ kind: 'fsync', path: 'new' }] as const) : []),
      { kind: 'rename', path: 'new', to: 'file' },
      { kind: 'fsync', path: '' },
    ];
    const options = { autoDaAlloc: false };
    expect(await contentAtTheEnd(options, replace(false), 'file')).toHaveLength(0);
    expect(await contentAtTheEnd(options, replace(true), 'file')).toHaveLength(9000);
  });
});
