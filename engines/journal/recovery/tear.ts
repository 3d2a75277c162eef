import { owns, type EpochEntry } from '../format/epoch-table.ts';
import { firstStampAt, pageAt, type PageCodec, type PageRun } from '../format/page.ts';
import { epochOfStamp, stampOf } from '../format/stamp.ts';
import { readU64 } from '../format/u64.ts';

/** What became of a page whose CRC does not fit. */
export type Damage =
  /** Some sectors are of the write expected here, the others of an older one: power was lost. */
  | 'torn'
  /** No sector is of the write expected here, so it never happened. */
  | 'untouched'
  /** Whole when it was written, or not to be told: rot, or a lying drive. */
  | 'rotten';

export interface ExpectedPage {
  readonly pageSeq: number;
  readonly owner: EpochEntry | undefined;
  readonly newestEpoch: number;
  readonly ringPages: number;
}

/**
 * Tells by the sector stamps whether power loss can have left the page like this. A drive tears only
 * at its atomic unit, so each sector is whole: of the expected write, or of one before it at the same
 * slot, which is a page of the lap before or a dead page of an earlier epoch. A sector that is
 * neither has been damaged. Without stamps (the page is not larger than the atomic unit) a tear is
 * impossible, so any damage is rot.
 */
export function damageOf(
  pages: PageRun,
  at: number,
  codec: PageCodec,
  expected: ExpectedPage,
): Damage {
  if (!codec.isStamped) return 'rotten';
  const sectors = codec.pageBytes / codec.sectorBytes;
  let expectedSectors = 0;
  for (let sector = 0; sector < sectors; sector++) {
    const age = ageOfSector(pages, at, sector, codec, expected);
    if (age === 'unknown') return 'rotten';
    if (age === 'expected') expectedSectors += 1;
  }
  if (expectedSectors === 0) return 'untouched';
  return expectedSectors === sectors ? 'rotten' : 'torn';
}

export type SectorAge = 'expected' | 'older' | 'unknown';

/** Which write a sector of a stamped page comes from. */
export function ageOfSector(
  pages: PageRun,
  at: number,
  sector: number,
  codec: PageCodec,
  expected: ExpectedPage,
): SectorAge {
  if (sector === 0) return ageOfEnvelope(pages, at, codec, expected);
  const stamp = pages.view.getUint32(at + sector * codec.sectorBytes, true);
  return ageOfStamp(stamp, codec, expected);
}

function ageOfEnvelope(
  { view }: PageRun,
  at: number,
  codec: PageCodec,
  expected: ExpectedPage,
): SectorAge {
  const pageSeq = readU64(view, at + pageAt.pageSeq);
  const epoch = view.getUint32(at + pageAt.epoch, true);
  const stamp = view.getUint32(at + firstStampAt, true);
  if (stamp !== stampOf(pageSeq, epoch, codec.journalId)) return 'unknown';
  return ageOf(pageSeq, epoch, expected);
}

function ageOfStamp(stamp: number, codec: PageCodec, expected: ExpectedPage): SectorAge {
  const { pageSeq, ringPages } = expected;
  const here = ageOf(pageSeq, epochOfStamp(stamp, pageSeq, codec.journalId), expected);
  if (here !== 'unknown') return here;
  const lapBefore = pageSeq - ringPages;
  return ageOf(lapBefore, epochOfStamp(stamp, lapBefore, codec.journalId), expected);
}

function ageOf(pageSeq: number, epoch: number, expected: ExpectedPage): SectorAge {
  const isHere = pageSeq === expected.pageSeq;
  if (isHere && owns(expected.owner, epoch)) return 'expected';
  const isPossible = isHere || pageSeq === expected.pageSeq - expected.ringPages;
  return isPossible && epoch <= expected.newestEpoch ? 'older' : 'unknown';
}
