import { EngineRefusal, type Platform } from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';
import { repairLogPages } from '../double-write/mirrored-ring.ts';
import { restoreGenerations } from '../double-write/restore-generations.ts';
import { keysOf, type JournalKeys, type Keyring } from '../crypto/journal-keys.ts';
import type { PageCipher } from '../crypto/page-cipher.ts';
import { isSameTable } from '../format/consumer-table.ts';
import { crc32cOf, type Crc32c } from '../format/crc32c.ts';
import { epochEntriesMax, withEpoch, type EpochEntry } from '../format/epoch-table.ts';
import { isDataLabelOf } from '../format/label.ts';
import { blockBytes, usableBytes, type Layout } from '../format/layout.ts';
import type { LogPosition } from '../format/log-position.ts';
import type { PageCodec } from '../format/page.ts';
import { saltBytes, type EpochStart } from '../format/payloads.ts';
import { newestEpochOf, type Superblock } from '../format/superblock.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { pathAtOpen } from '../io/durability.ts';
import { SuperblockStore } from '../io/superblock-store.ts';
import { readLog } from './early-walk.ts';
import { findLog, type FoundLog } from './find-end.ts';
import { readSuperblocks } from './read-superblocks.ts';
import { volumeKindOf } from '../volume/volume-kinds.ts';
import type { VolumeReplay } from '../volume/volume-mode.ts';
import { replayLog, type ReplayedBatch, type ReplayedLog } from './replay.ts';

export interface RecoverySite {
  readonly journal: DeviceIo;
  readonly data: DeviceIo;
  readonly config: JournalConfig;
  readonly platform: Platform;
  readonly keyring: Keyring | undefined;
}

/** A journal that has been recovered and claimed: nothing of it is in doubt any more. */
export interface RecoveredJournal {
  readonly superblock: SuperblockStore;
  readonly codec: PageCodec;
  /** For the pages of the new epoch; undefined where the journal is not encrypted. */
  readonly cipher: PageCipher | undefined;
  /** Where the first batch of the new epoch goes. */
  readonly head: LogPosition;
  /** What the first batch of the new epoch must begin with. */
  readonly epochStart: EpochStart;
  /** Batches that still hold appended records, oldest first. */
  readonly batches: readonly ReplayedBatch[];
  readonly volume: VolumeReplay;
  readonly appended: ReplayedLog['appended'];
  readonly recordsReplayed: number;
  readonly blocksWritten: number;
  readonly note: string;
}

/**
 * Recovery (JOURNAL-ENGINE §4.9): every step up to the claim writes only data blocks and map pages,
 * with contents that are a pure function of the medium, and leaves the ring alone but for pages of the
 * log of which the mirror has the better copy; so a crash before the claim is
 * durable finds the same log again, and a crash after it finds an empty one. Throws EngineRefusal.
 */
export async function recover(site: RecoverySite): Promise<RecoveredJournal> {
  const { journal } = site;
  const crc32c = crc32cOf(site.platform);
  // What a killed process left in the drive's cache may be read; it must not vanish afterwards.
  await journal.flushPlainWrites();
  const superblock = await readSuperblocks(journal, crc32c);
  await checkAgainst(superblock, site);
  settlePaths(superblock, site);
  using keys = await keysOf(superblock, site.keyring);
  const pages = await readLog(journal, superblock, crc32c, keys);
  const found = findLog(pages, superblock, crc32c, keys);
  await repairLogPages(journal, pages, found.superblock, found.log.end.pageSeq);
  const volume = await beginReplay(site, found, crc32c);
  const replayed = replayLog(found.log, volume, releasesOf(found, site));
  const blocksWritten = await volume.restore();
  const freePageLsn = volume.freePageLsn ?? 0;
  const claimed = await claim(site, found, { ...replayed, freePageLsn }, keys);
  journal.device.release?.(pages.ring.pages.bytes);
  return { ...claimed, volume, blocksWritten };
}

function releasesOf(
  { superblock: { releasedLsn, consumers } }: Pick<FoundLog, 'superblock'>,
  { config }: RecoverySite,
): Pick<Superblock, 'releasedLsn' | 'consumers'> {
  return { releasedLsn: Math.max(releasedLsn, config.releaseThrough), consumers };
}

async function checkAgainst(superblock: Superblock, site: RecoverySite): Promise<void> {
  const { layout, identity } = superblock;
  const isApart = site.data.device !== site.journal.device;
  const dataBytes = isApart ? usableBytes(site.data.device.geometry) : 0;
  if (layout.dataDeviceBytes !== dataBytes) {
    throw new EngineRefusal(
      'incompatible',
      `the journal was made for a data device of ${layout.dataDeviceBytes} bytes (0: none of its own), this one has ${dataBytes}`,
    );
  }
  checkWindow(site.config, layout);
  if (!isApart) return;
  const label = site.data.device.allocate(blockBytes);
  await site.data.read(0, label);
  if (!isDataLabelOf(identity.uuid, label, crc32cOf(site.platform))) {
    throw new EngineRefusal('incompatible', 'the data device does not belong to this journal');
  }
}

/** Until here both devices were used in the way that is right for certain. */
function settlePaths({ durability }: Superblock, { journal, data, config }: RecoverySite): void {
  journal.usePath(pathAtOpen(config.durability, journal.device.geometry, durability.journal.path));
  if (data === journal) return;
  data.usePath(pathAtOpen(config.durability, data.device.geometry, durability.data.path));
}

function checkWindow(
  { windowPages, transactionBytesMax }: JournalConfig,
  { ringPages, pageBytes }: Layout,
): void {
  const quarterPages = Math.floor(ringPages / 4);
  const needed = Math.max(windowPages, Math.ceil(transactionBytesMax / pageBytes));
  if (needed <= quarterPages) return;
  throw new EngineRefusal(
    'incompatible',
    `windowPages is ${windowPages} and transactionBytesMax ${transactionBytesMax}, expected at most a quarter of the journal's ring of ${ringPages} pages`,
  );
}

async function beginReplay(
  { journal, data, config, platform }: RecoverySite,
  { superblock, log }: FoundLog,
  crc32c: Crc32c,
): Promise<VolumeReplay> {
  const { layout, mode } = superblock;
  const inPlace = await restoreGenerations({ journal, data, superblock, crc32c });
  const site = { journal, data, inPlace, superblock, layout, config, platform, crc32c };
  return volumeKindOf(mode).beginReplay(site, log);
}

/**
 * Starts a new epoch at the log's end: from now on no page behind it that an earlier epoch wrote can
 * count again. The log now begins at the oldest appended record that is still wanted, or is empty.
 */
async function claim(
  site: RecoverySite,
  { superblock, codec, log, nextLsnFloor, note }: FoundLog,
  replayed: ReplayedLog & Pick<Superblock, 'freePageLsn'>,
  keys: JournalKeys | undefined,
): Promise<Omit<RecoveredJournal, 'volume' | 'blocksWritten'>> {
  const salt = new Uint8Array(saltBytes);
  site.platform.entropy(salt);
  const head = { ...log.end, nextLsn: nextLsnFloor };
  const prevEpoch = newestEpochOf(superblock).epoch;
  const epoch = prevEpoch + 1;
  const batches = batchesFromOldestKept(replayed.batches);
  const tail = batches[0]?.start ?? head;
  const firstPageSeq = head.pageSeq;
  const firstLsn = head.nextLsn;
  const entry = { epochFrom: epoch, epoch, firstPageSeq, firstLsn, salt };
  const epochs = withEpoch(superblock.epochs, entry, tail.pageSeq);
  if (keys !== undefined) checkSalts(epochs);
  const store = new SuperblockStore(site.journal, beforeClaim(superblock), crc32cOf(site.platform));
  const { consumers } = replayed;
  // In both pairs, before the log may lose the marks: the newest pair alone could be lost (rule R7).
  if (!isSameTable(consumers, superblock.consumers)) await store.update({ consumers });
  await store.update({
    isClean: false,
    consumers,
    releasedLsn: releasesOf({ superblock }, site).releasedLsn,
    tail,
    epochs,
    durableLsn: log.end.nextLsn - 1,
    durablePageSeq: head.pageSeq,
    claimedEnd: head.pageSeq,
    nextLsnFloor,
    freePageLsn: replayed.freePageLsn,
    windowPages: site.config.windowPages,
  });
  const prevLastLsn = log.end.nextLsn - 1;
  return {
    superblock: store,
    codec,
    cipher: keys?.sealerOf(codec, epoch, salt),
    head,
    epochStart: { epoch, prevEpoch, prevLastLsn, firstLsn, firstPageSeq, salt },
    batches,
    appended: replayed.appended,
    recordsReplayed: superblock.isClean ? 0 : replayed.recordsReplayed,
    note,
  };
}

/**
 * Where entries of the table were merged, the salt of the later one stands in the log alone, and the
 * tail may pass it while pages of that epoch are still wanted.
 */
function checkSalts(epochs: readonly EpochEntry[]): void {
  if (epochs.every(({ epochFrom, epoch }) => epochFrom === epoch)) return;
  throw new EngineRefusal(
    'full',
    `appended records of ${epochEntriesMax} epochs are held in an encrypted journal, which has no room for the salt of another: open it with releaseThrough, up to an LSN that nobody needs`,
  );
}

/**
 * The other pair may hold a newer superblock that could not be read this time, numbered one higher.
 * The claim's number must be above that one too, and its parity must be that of the other pair.
 */
function beforeClaim(superblock: Superblock): Superblock {
  return { ...superblock, sequence: superblock.sequence + 2 };
}

function batchesFromOldestKept(batches: readonly ReplayedBatch[]): readonly ReplayedBatch[] {
  const oldest = batches.findIndex((batch) => batch.keepsLsn > 0);
  if (oldest === -1) return [];
  let from = oldest;
  while (from > 0 && batches[from - 1]!.endsInside) from -= 1;
  return batches.slice(from);
}
