import { EngineRefusal, type ToolAnswer, type ToolSite } from '../../../harness/contract/index.ts';
import type { Extent } from '../format/layout.ts';
import type { Calibration, Superblock } from '../format/superblock.ts';
import { readFreePlaces, type FreePlaces } from './free-places.ts';
import { infoText } from './info-text.ts';
import { logOf } from './check.ts';
import { isLog } from './log-evidence.ts';
import { readMedium, superblockOf, type Medium, type SuperblockCopy } from './medium.ts';
import { formatHex, formatUuid } from './quantities.ts';
import { readingOptions, type ReadingOptions } from './tool-keys.ts';

export interface JournalInfo {
  readonly uuid: string;
  readonly formatVersion: 1;
  /** Closed, and nothing to replay. */
  readonly isClean: boolean;
  readonly mode: Superblock['mode'];
  readonly isStrict: boolean;
  readonly doubleWrite: Superblock['doubleWrite'];
  readonly trustsAtomicUnit: boolean;
  /** Of the key that pages are sealed with; null where they are not. */
  readonly keyId: string | null;
  readonly geometry: {
    readonly pageBytes: number;
    readonly atomicUnitBytes: number;
    readonly logicalBlockBytes: number;
    readonly journalDeviceBytes: number;
    /** 0 where the data has no device of its own. */
    readonly dataDeviceBytes: number;
    readonly ringPages: number;
    readonly segmentPages: number;
    readonly dataBlocks: number;
    readonly spareBlocks: number;
  };
  readonly areas: readonly ({ readonly name: string } & Extent)[];
  readonly superblocks: readonly SuperblockCopy[];
  readonly epochs: readonly {
    readonly epoch: number;
    readonly epochFrom: number;
    readonly firstPage: number;
    readonly firstLsn: number;
  }[];
  readonly log: LogState;
  readonly consumers: Superblock['consumers']['consumers'];
  /** Null where there is no page of free places, no way to it, or the log's end is in doubt. */
  readonly freePlaces: FreePlaces | null;
  /** How writes become durable, and what was measured when that was chosen (0: not measured). */
  readonly durability: { readonly journal: Calibration; readonly data: Calibration };
}

export interface LogState {
  readonly tailPage: number;
  readonly tailLsn: number;
  /** Where the next batch would go, and its LSN; null where the log's end is in doubt. */
  readonly headPage: number | null;
  readonly headLsn: number | null;
  readonly usedPages: number | null;
  /** As the newest superblock says; the log may have gone on. */
  readonly durableLsn: number;
  readonly claimedEnd: number;
  readonly nextLsnFloor: number;
  readonly releasedLsn: number;
  readonly windowPages: number;
  /** Why the end is in doubt, or what follows it. */
  readonly note: string;
}

/** All that the journal says of itself. Throws EngineRefusal where no superblock is left. */
export async function info(site: ToolSite): Promise<ToolAnswer> {
  const found = await inspectJournal(site);
  return { data: { ...found }, text: infoText(found), outcome: 'ok' };
}

export async function inspectJournal(site: ToolSite): Promise<JournalInfo> {
  const medium = await readMedium(site);
  const superblock = superblockOf(medium);
  const { layout, identity, epochs, keyId, isClean, mode, isStrict } = superblock;
  const { extents, ...geometry } = layout;
  const log = await logState(medium, superblock, readingOptions.parse(site.options));
  return {
    uuid: formatUuid(identity.uuid),
    formatVersion: 1,
    isClean,
    mode,
    isStrict,
    doubleWrite: superblock.doubleWrite,
    trustsAtomicUnit: superblock.trustsAtomicUnit,
    keyId: keyId === undefined ? null : formatHex(keyId),
    geometry,
    areas: Object.entries(extents).map(([name, extent]) => ({ name, ...extent })),
    superblocks: medium.copies,
    epochs: epochs.map(({ epoch, epochFrom, firstPageSeq, firstLsn }) => ({
      epoch,
      epochFrom,
      firstPage: firstPageSeq,
      firstLsn,
    })),
    log,
    consumers: superblock.consumers.consumers,
    freePlaces: await freePlacesOf(site, medium, superblock, log),
    durability: superblock.durability,
  };
}

async function freePlacesOf(
  site: ToolSite,
  medium: Medium,
  superblock: Superblock,
  { headLsn, tailLsn }: LogState,
): Promise<FreePlaces | null> {
  if (headLsn === null) return null;
  const isRebuilt = tailLsn !== superblock.tail.nextLsn;
  const freePageLsn = Math.max(superblock.freePageLsn, isRebuilt ? tailLsn : 0);
  return (await readFreePlaces(site, medium, { ...superblock, freePageLsn }, headLsn)) ?? null;
}

async function logState(
  medium: Medium,
  superblock: Superblock,
  options: ReadingOptions,
): Promise<LogState> {
  const { tail, durableLsn, claimedEnd, nextLsnFloor, releasedLsn, windowPages } = superblock;
  const said = { durableLsn, claimedEnd, nextLsnFloor, releasedLsn, windowPages };
  const place = { tailPage: tail.pageSeq, tailLsn: tail.nextLsn };
  const end = await findEnd(medium, superblock, options);
  if (typeof end === 'string') {
    return { ...place, headPage: null, headLsn: null, usedPages: null, ...said, note: end };
  }
  return { ...place, ...said, ...end };
}

type LogEnd = Pick<
  LogState,
  'tailPage' | 'tailLsn' | 'headPage' | 'headLsn' | 'usedPages' | 'note'
>;

async function findEnd(
  medium: Medium,
  superblock: Superblock,
  options: ReadingOptions,
): Promise<LogEnd | string> {
  const doubt = 'the end of the log is in doubt: powercut journal check says why';
  if (superblock.keyId !== undefined && options.encryption === undefined) {
    return 'the pages are encrypted, and no key was given';
  }
  try {
    const found = await logOf(medium, superblock, options);
    if (!isLog(found) || found.verdict.end === 'corrupt') return doubt;
    const { tailPage, tailLsn, endPage, lastLsn, verdict, isRebuilt } = found;
    const rebuilt = isRebuilt ? '; the superblock had fallen back (R7)' : '';
    const note = `end ${verdict.end} (${verdict.rule})${rebuilt}`;
    const usedPages = endPage - tailPage;
    return { tailPage, tailLsn, headPage: endPage, headLsn: lastLsn + 1, usedPages, note };
  } catch (error) {
    if (error instanceof EngineRefusal) return `${doubt} (${error.message})`;
    throw error;
  }
}
