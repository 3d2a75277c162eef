import { describe, expect, it } from 'vitest';
import { createRandom, EngineRefusal } from '../../../harness/contract/index.ts';
import { createImage } from '../../../harness/drive/image.ts';
import { superblockSlots } from '../format/layout.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  twinOn,
  versionOf,
} from '../twin.fixture.ts';
import { formatWish, optionsFor } from './format-wish.ts';
import { journalTools } from './index.ts';
import { inspectJournal } from './info.ts';
import {
  copyOf,
  emptyTwin,
  quiet,
  siteOf,
  wholeImage,
  withRot,
  writtenTwin,
} from './tool-site.fixture.ts';

/** 2 MiB: no room for a ring between the superblocks at both ends. */
const tinyGeometry = driveGeometry({ capacityBlocks: 512 });

describe('info', () => {
  it('says how a journal is kept, where its log is, and which copies say so', async () => {
    const found = await inspectJournal(siteOf(await writtenTwin(512)));
    expect(found).toMatchObject({
      isClean: false,
      mode: 'journal',
      keyId: null,
      geometry: { pageBytes: 4096, atomicUnitBytes: 512, ringPages: 64, dataBlocks: 64 },
      epochs: [{ epoch: 2, firstPage: 64, firstLsn: 1 }],
      log: { tailPage: 64, tailLsn: 1, headPage: 88, headLsn: 16, usedPages: 24 },
    });
    expect(found.superblocks.map(({ isNewest }) => isNewest)).toEqual([true, false, true, false]);
    expect(found.areas.map(({ name }) => name)).toContain('ring');
  });

  it('repairs no copy and changes no byte', async () => {
    const twin = copyOf(await writtenTwin());
    const slots = superblockSlots(twin.drive.geometry);
    overwrite(twin, slots[0]!, new Uint8Array(4096));
    const before = wholeImage(twin);
    const { superblocks } = await inspectJournal(siteOf(twin));
    expect(superblocks.map(({ state }) => state)).toEqual(['absent', 'valid', 'valid', 'valid']);
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });

  it('leaves the head open where the end of the log is in doubt', async () => {
    const { log } = await inspectJournal(siteOf(withRot(await writtenTwin(), 10 * 4096 + 99)));
    expect(log).toMatchObject({ headPage: null, usedPages: null });
    expect(log.note).toContain('powercut journal check');
  });
});

describe('recover', () => {
  it('replays, claims and closes, so that the next check is clean', async () => {
    const twin = await writtenTwin();
    const { data } = await journalTools.recover(siteOf(twin));
    expect(data).toMatchObject({ wasClean: false, recordsReplayed: 12, blocksWritten: 12 });
    expect(await inspectJournal(siteOf(twin))).toMatchObject({
      isClean: true,
      log: { usedPages: 0 },
    });
    expect(await versionOf(await open(twin, quiet), 7)).toBe(8);
  });

  it('does nothing but say so with dryRun', async () => {
    const twin = await writtenTwin();
    const before = wholeImage(twin);
    const { data } = await journalTools.recover(siteOf(twin, { dryRun: true }));
    expect(data).toMatchObject({ verdict: 'clean', recovery: { recordsReplayed: 12 } });
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });

  it('refuses a corrupt journal with the rule, and leaves it as it is', async () => {
    const twin = withRot(await writtenTwin(), 10 * 4096 + 99);
    const before = wholeImage(twin);
    await expect(journalTools.recover(siteOf(twin))).rejects.toMatchObject({
      reason: 'corrupt',
      rule: 'R1',
    });
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });

  it('keeps the window that the journal was used with', async () => {
    const twin = await writtenTwin();
    await journalTools.recover(siteOf(twin));
    expect((await inspectJournal(siteOf(twin))).log.windowPages).toBe(quiet.windowPages);
  });
});

describe('format', () => {
  it('gives the volume all that the log leaves', async () => {
    const { drive } = await emptyTwin();
    const options = optionsFor(formatWish.parse({}), { main: drive });
    expect(options).toMatchObject({ ringPages: 512, pageBytes: 4096 });
    const { data } = await journalTools.format(siteOf(await emptyTwin()));
    expect(data).toMatchObject({
      isClean: true,
      geometry: { ringPages: 512, dataBlocks: options.dataBlocks },
    });
    const oneMore = { ...options, dataBlocks: options.dataBlocks! + 1 };
    await expect(formattedTwin(drive.geometry, oneMore)).rejects.toMatchObject({
      reason: 'too-large',
    });
  });

  it('takes sizes in bytes and pages of 16 KiB', async () => {
    const twin = await emptyTwin();
    const wish = { pageBytes: 16384, ringBytes: 2 ** 20, dataBytes: 2 ** 18, strict: true };
    const { data } = await journalTools.format(siteOf(twin, wish));
    expect(data).toMatchObject({
      isStrict: true,
      geometry: { pageBytes: 16384, ringPages: 64, dataBlocks: 64 },
    });
  });

  it('refuses what does not fit, and sizes that are not whole', async () => {
    const drive = (await formattedTwin()).drive;
    const tiny = twinOn(createImage(tinyGeometry, 1), tinyGeometry, createRandom(1)).drive;
    expect(() => optionsFor(formatWish.parse({}), { main: tiny })).toThrow(EngineRefusal);
    const wish = formatWish.parse({ ringBytes: 70_000 });
    expect(() => optionsFor(wish, { main: drive })).toThrow('a multiple of 4 pages');
  });
});

describe('identify', () => {
  it('tells a journal, the data device of one, what is left of one, and nothing', async () => {
    const identify: typeof journalTools.identify = (device, platform) =>
      journalTools.identify(device, platform);
    const twin = await emptyTwin(512);
    const { uuid } = await inspectJournal(siteOf(twin));
    expect(await identify(twin.drive, twin.platform)).toEqual({
      uuid,
      logicalBlockBytes: 512,
      byteCount: 8 * 2 ** 20,
      hasDataDevice: false,
    });
    const slots = superblockSlots(twin.drive.geometry);
    for (const slot of slots) overwrite(twin, slot + 999, Uint8Array.of(1));
    await expect(identify(twin.drive, twin.platform)).rejects.toMatchObject({ reason: 'corrupt' });
    for (const slot of slots) overwrite(twin, slot, new Uint8Array(4096));
    expect(await identify(twin.drive, twin.platform)).toBeUndefined();
    const data = await emptyTwin(512);
    for (const slot of slots) overwrite(data, slot, new Uint8Array(4096));
    const devices = { main: twin.drive, data: data.drive };
    await journalTools.format({ devices, platform: twin.platform, options: {} });
    await expect(identify(data.drive, data.platform)).rejects.toMatchObject({
      reason: 'incompatible',
    });
  });
});

describe('bench', () => {
  it('measures durable appends and leaves the journal clean and empty', async () => {
    const twin = await emptyTwin();
    const before = await open(twin, quiet);
    await before.write(5, blockOf(5, 77));
    await before.close();
    const options = { seconds: 0.02, writers: [1, 8] };
    const { data } = await journalTools.bench(siteOf(twin, options));
    const rows = data['rows'] as {
      appends: number;
      writeAmplification: number;
      latencyNs: { p50: number };
    }[];
    expect(rows).toHaveLength(2);
    for (const { appends, writeAmplification, latencyNs } of rows) {
      expect(appends).toBeGreaterThan(10);
      expect(writeAmplification).toBeGreaterThan(1);
      expect(latencyNs.p50).toBeGreaterThan(0);
    }
    expect(await inspectJournal(siteOf(twin))).toMatchObject({
      isClean: true,
      log: { usedPages: 0 },
    });
    expect(await versionOf(await open(twin, quiet), 5)).toBe(77);
  });

  it('keeps no record of its own, so that it can be run again', async () => {
    const twin = await emptyTwin();
    await journalTools.format(siteOf(twin));
    for (const writers of [1, 5, 7]) {
      const site = siteOf(twin, { seconds: 0.01, writers: [writers] });
      await expect(journalTools.bench(site)).resolves.toMatchObject({ outcome: 'ok' });
    }
  });

  it('refuses a journal that holds records of somebody else', async () => {
    const twin = await emptyTwin();
    const journal = await open(twin, quiet);
    await journal.append(0x8001, 0, 0, new Uint8Array(9));
    await expect(journalTools.bench(siteOf(afterKill(twin)))).rejects.toThrow(
      'holds appended records that nobody has released',
    );
  });
});
