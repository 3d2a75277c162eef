import { describe, expect, it } from 'vitest';
import { DeviceError, type BlockDevice } from '../../../harness/contract/index.ts';
import { superblockSlots } from '../format/layout.ts';
import { open, overwrite, type Twin } from '../twin.fixture.ts';
import { checkJournal, type CheckReport } from './check.ts';
import { isLog, type LogEvidence } from './log-evidence.ts';
import { OverlayDevice } from './overlay-device.ts';
import {
  copyOf,
  emptyTwin,
  imageBytes,
  quiet,
  ringAt,
  siteOf,
  wholeImage,
  withRingBytes,
  withRot,
  writtenTwin,
} from './tool-site.fixture.ts';

const pageBytes = 4096;

function logOf({ log }: CheckReport): LogEvidence {
  if (log === undefined || !isLog(log)) throw new Error('there is no log to judge');
  return log;
}

/** The journal as it would be had that page, or its second half, never reached the medium. */
async function withoutPage(
  twin: Twin,
  slot: number,
  { halfOnly = false, logicalBlockBytes = 4096 } = {},
): Promise<Twin> {
  const empty = await emptyTwin(logicalBlockBytes);
  const from = slot * pageBytes + (halfOnly ? pageBytes / 2 : 0);
  const byteCount = halfOnly ? pageBytes / 2 : pageBytes;
  return withRingBytes(twin, from, imageBytes(empty, ringAt + from, byteCount));
}

describe.each([4096, 512])('check, with logical blocks of %i bytes', (logicalBlockBytes) => {
  it('calls a whole log clean and says what recovery would replay', async () => {
    const report = await checkJournal(siteOf(await writtenTwin(logicalBlockBytes)));
    expect(report).toMatchObject({ verdict: 'clean', rule: 'R5' });
    expect(report.lost).toBeUndefined();
    expect(report.recovery).toMatchObject({ opens: true, recordsReplayed: 12, blocksWritten: 12 });
    expect(logOf(report)).toMatchObject({ tailPage: 64, endPage: 88, lastLsn: 15, durableLsn: 14 });
  });

  it('calls a new journal and one that was closed clean', async () => {
    const twin = await emptyTwin(logicalBlockBytes);
    expect(await checkJournal(siteOf(twin))).toMatchObject({ verdict: 'clean', rule: 'R5' });
    const journal = await open(twin, quiet);
    await journal.append(0x8001, 0, 0, new Uint8Array(9));
    await journal.close();
    const report = await checkJournal(siteOf(twin));
    expect(report).toMatchObject({ verdict: 'clean', journal: { isClean: true } });
    expect(report.recovery).toMatchObject({ opens: true, recordsKept: 1 });
  });

  it('calls a batch of which a page never arrived torn, and nothing of it acknowledged (R4, @req C8)', async () => {
    const twin = await withoutPage(await writtenTwin(logicalBlockBytes), 23, { logicalBlockBytes });
    const report = await checkJournal(siteOf(twin));
    expect(report).toMatchObject({ verdict: 'torn', rule: 'R4' });
    expect(logOf(report)).toMatchObject({ endPage: 86, newestPage: 86, next: 'unfinished' });
    expect(logOf(report).pages.map(({ state }) => state)).toEqual(['current', 'empty']);
    expect(report.reasons).toContain('Page 87 of what was in flight never arrived.');
    expect(report.reasons.join(' ')).toContain('nothing from page 86 on was');
  });

  it('says of rot in the middle which LSNs are lost, and which page vouches for them (R1, @req C3)', async () => {
    const report = await checkJournal(
      siteOf(withRot(await writtenTwin(logicalBlockBytes), 10 * pageBytes + 777)),
    );
    expect(report).toMatchObject({
      verdict: 'corrupt',
      rule: 'R1',
      lost: { fromLsn: 8, toLsn: 14, isCertain: true },
    });
    expect(logOf(report)).toMatchObject({
      endPage: 74,
      durableBy: { kind: 'page', page: 86, slot: 22 },
    });
    expect(logOf(report).pages[0]).toMatchObject({
      page: 74,
      state: 'rotten',
      byteOffset: ringAt + 10 * pageBytes,
    });
    expect(logOf(report).pages.map(({ page }) => page)).toEqual([74, 75, 87]);
    expect(report.reasons.join(' ')).toContain(
      'Page 86 (epoch 2, slot 22) says that LSN 14 was durable',
    );
  });

  it('does not take rot in the newest batch for a torn write (R3, @req C8)', async () => {
    const report = await checkJournal(
      siteOf(withRot(await writtenTwin(logicalBlockBytes), 23 * pageBytes + 777)),
    );
    expect(report).toMatchObject({
      verdict: 'corrupt',
      rule: 'R3',
      lost: { fromLsn: 15, isCertain: false },
    });
    expect(report.reasons.join(' ')).toContain('it is damage, not a torn write (R3)');
  });

  it('misses an acknowledged page that was never written (R1)', async () => {
    const twin = await withoutPage(await writtenTwin(logicalBlockBytes), 10, { logicalBlockBytes });
    const report = await checkJournal(siteOf(twin));
    expect(report).toMatchObject({
      verdict: 'corrupt',
      rule: 'R1',
      lost: { fromLsn: 8, toLsn: 14 },
    });
    expect(logOf(report).pages[0]).toMatchObject({ page: 74, state: 'empty' });
  });

  it('finds a superblock that fell back and the log behind it (R7)', async () => {
    const twin = copyOf(await writtenTwin(logicalBlockBytes));
    const slots = superblockSlots(twin.drive.geometry);
    for (const slot of [0, 2]) overwrite(twin, slots[slot]!, new Uint8Array(4096));
    const report = await checkJournal(siteOf(twin));
    expect(report).toMatchObject({
      verdict: 'clean',
      copies: [{ state: 'absent' }, { isNewest: true }, { state: 'absent' }, { isNewest: true }],
    });
    expect(logOf(report)).toMatchObject({ isRebuilt: true, lastLsn: 15 });
    expect(report.reasons[0]).toContain('(R7)');
  });

  it('reports a page that stands in a slot that is not its own', async () => {
    const twin = await writtenTwin(logicalBlockBytes);
    const page = imageBytes(twin, ringAt + 5 * pageBytes, pageBytes);
    const report = await checkJournal(siteOf(withRingBytes(twin, 50 * pageBytes, page)));
    expect(report).toMatchObject({ verdict: 'corrupt', rule: 'place' });
    expect(report.reasons).toEqual(['slot 50 holds page 69 of epoch 2, whole']);
  });

  it('does not take a page of an earlier lap in a slot that is not its own for the end', async () => {
    const twin = await writtenTwin(logicalBlockBytes);
    const page = imageBytes(twin, ringAt + 50 * pageBytes, pageBytes);
    const report = await checkJournal(siteOf(withRingBytes(twin, 24 * pageBytes, page)));
    expect(report).toMatchObject({ verdict: 'corrupt', rule: 'R3' });
    expect(logOf(report).pages[0]).toMatchObject({
      page: 88,
      state: 'misplaced',
      finding: 'holds page 50, which does not belong in this slot',
    });
  });

  it('changes no byte of the medium', async () => {
    const twin = withRot(await writtenTwin(logicalBlockBytes), 23 * pageBytes + 777);
    const slots = superblockSlots(twin.drive.geometry);
    // A twin to repair, and a log to replay: recovery would write both.
    overwrite(twin, slots[2]!, new Uint8Array(4096));
    const before = wholeImage(twin);
    await checkJournal(siteOf(twin));
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });
});

describe('check', () => {
  it('shows by the stamps which sectors of a torn page arrived (R4)', async () => {
    const twin = await writtenTwin(512);
    const report = await checkJournal(
      siteOf(await withoutPage(twin, 23, { halfOnly: true, logicalBlockBytes: 512 })),
    );
    expect(report).toMatchObject({ verdict: 'torn', rule: 'R4' });
    const torn = logOf(report).pages.find(({ state }) => state === 'torn')!;
    expect(torn.page).toBe(87);
    expect(torn.sectors.map(({ from }) => from)).toEqual([
      ...['expected', 'expected', 'expected', 'expected'],
      ...['older', 'older', 'older', 'older'],
    ]);
    expect(torn.finding).toBe(
      'torn: sectors 0-3 carry the stamp of page 87, sectors 4-7 carry that of an older write',
    );
  });

  it('shows that all sectors of a rotten page arrived (R3)', async () => {
    const report = await checkJournal(
      siteOf(withRot(await writtenTwin(512), 23 * pageBytes + 777)),
    );
    const rotten = logOf(report).pages.find(({ state }) => state === 'rotten')!;
    expect(new Set(rotten.sectors.map(({ from }) => from))).toEqual(new Set(['expected']));
    expect(rotten.finding).toBe('damaged after it was written: all 8 sectors carry its stamp');
  });

  it('tells rot in a stamp from a tear', async () => {
    const report = await checkJournal(
      siteOf(withRot(await writtenTwin(512), 23 * pageBytes + 1024)),
    );
    expect(report).toMatchObject({ verdict: 'corrupt', rule: 'R3' });
    expect(logOf(report).pages.at(-1)!.finding).toBe(
      'damaged: sector 2 carries a stamp that no write here ever had',
    );
  });

  it('judges pages of 16 KiB by their own stamps', async () => {
    const large = { ...quiet, pageBytes: 16384, ringPages: 64, dataBlocks: 64 } as const;
    const twin = await writtenTwin(4096, large);
    expect(await checkJournal(siteOf(twin))).toMatchObject({
      verdict: 'clean',
      recovery: { recordsReplayed: 12 },
    });
    const end = logOf(await checkJournal(siteOf(twin))).endPage - 64;
    const report = await checkJournal(siteOf(withRot(twin, (end - 1) * 16384 + 9000)));
    expect(report).toMatchObject({ verdict: 'corrupt', rule: 'R3' });
    expect(logOf(report).pages.at(-1)!.sectors).toHaveLength(4);
  });

  it('refuses a device that carries no journal', async () => {
    const twin = await emptyTwin();
    for (const slot of superblockSlots(twin.drive.geometry))
      overwrite(twin, slot, new Uint8Array(4096));
    await expect(checkJournal(siteOf(twin))).rejects.toMatchObject({ reason: 'not-formatted' });
  });

  it('reports a journal all of whose superblocks are damaged', async () => {
    const twin = copyOf(await writtenTwin());
    for (const slot of superblockSlots(twin.drive.geometry))
      overwrite(twin, slot + 999, Uint8Array.of(1));
    const report = await checkJournal(siteOf(twin));
    expect(report).toMatchObject({ verdict: 'corrupt', rule: 'superblock', journal: undefined });
    expect(report.copies.map(({ state }) => state)).toEqual(Array(4).fill('damaged'));
  });

  it('does not judge where a page that decides cannot be read (@req D5)', async () => {
    const twin = await writtenTwin();
    const device = unreadableAt(twin.drive, (ringAt + 23 * pageBytes) / 4096);
    const report = await checkJournal({ ...siteOf(twin), devices: { main: device } });
    expect(report).toMatchObject({
      verdict: 'unknown',
      recovery: { opens: false, reason: 'device-error' },
    });
    expect(logOf(report).pages.at(-1)).toMatchObject({ page: 87, state: 'unreadable' });
  });

  it('does not judge an encrypted journal without its key, and does with it (@req C7, D5)', async () => {
    const encryption = { insecureTestKey: 3 };
    const options = { ...quiet, encryption };
    const twin = await writtenTwin(4096, options);
    const without = await checkJournal(siteOf(twin));
    expect(without).toMatchObject({ verdict: 'unknown', recovery: undefined });
    expect(without.conclusion).toContain('no key was given');
    const withKey = await checkJournal(siteOf(twin, { encryption }));
    expect(withKey).toMatchObject({ verdict: 'clean', recovery: { recordsReplayed: 12 } });
    await expect(
      checkJournal(siteOf(twin, { encryption: { insecureTestKey: 4 } })),
    ).rejects.toMatchObject({ reason: 'incompatible' });
  });

  it('refuses a newer format rather than judge it', async () => {
    const twin = await emptyTwin();
    const newer = new Uint8Array(4096);
    newer.set(imageBytes(twin, superblockSlots(twin.drive.geometry)[1]!, 4096));
    newer[4] = 9;
    const crc = twin.platform.crc32c(newer.subarray(0, 4092));
    new DataView(newer.buffer).setUint32(4092, crc, true);
    for (const slot of superblockSlots(twin.drive.geometry)) overwrite(twin, slot, newer);
    await expect(checkJournal(siteOf(twin))).rejects.toMatchObject({ reason: 'incompatible' });
  });
});

function unreadableAt(drive: BlockDevice, badLba: number): BlockDevice {
  return new (class extends OverlayDevice {
    override read(lba: number, target: Uint8Array): Promise<number> {
      const end = lba + target.length / this.geometry.logicalBlockBytes;
      if (lba <= badLba && badLba < end) {
        return Promise.reject(new DeviceError('EIO', 'read', `LBA ${badLba} is bad`));
      }
      return super.read(lba, target);
    }
  })(drive);
}
