import { digestOf } from './checksums.fixture.ts';
import { Fields, Refusal, type Medium } from './medium.fixture.ts';
import { PageReader, type Page } from './page.fixture.ts';
import { epochStart, parseRecords, types, type LogRecord } from './record.fixture.ts';
import { readRing, type PageState, type Ring } from './ring.fixture.ts';
import type { Epoch, Place, Superblock } from './superblock.fixture.ts';

export interface Batch {
  readonly place: Place;
  readonly pages: readonly Page[];
  readonly records: readonly LogRecord[];
}

export interface Log {
  /** As it was read, or as the ring shows that it must have been. */
  readonly superblock: Superblock;
  readonly batches: readonly Batch[];
  readonly records: readonly LogRecord[];
  /** L, and what a batch there would have to say. */
  readonly end: Place;
  readonly why: { readonly rule: 'R4' | 'R5'; readonly isRebuilt: boolean };
  /** No LSN below it is given out again. */
  readonly lsnFloor: number;
}

/** Reads the log and says where it ends; throws Refusal where it is corrupt. */
export function readLog({ journal, keyOf }: Medium, found: Superblock): Log {
  const reader = new PageReader(found, keyOf);
  const first = readRing(journal, found, reader);
  first.refuseMisplaced();
  const isRebuilt = first.unknown.length > 0 || first.newestTail > found.tail.pageSeq;
  const superblock = isRebuilt ? rebuilt(first, found, reader) : found;
  const ring = isRebuilt ? first.seenFrom(superblock) : first;
  for (const { first: epoch, salt } of superblock.epochs) reader.noteSalt(epoch, salt);
  const { batches, end } = follow(ring, superblock, reader);
  const rule = judge(ring, superblock, end);
  return {
    superblock,
    batches,
    records: batches.flatMap(({ records }) => records),
    end,
    why: { rule, isRebuilt },
    lsnFloor: floorOf(ring, superblock, end, reader),
  };
}

function follow(
  ring: Ring,
  superblock: Superblock,
  reader: PageReader,
): { readonly batches: readonly Batch[]; readonly end: Place } {
  const batches: Batch[] = [];
  let end = superblock.tail;
  for (;;) {
    const pages = pagesAt(ring, end);
    if (pages === undefined || !followsOn(pages[0]!, end, reader)) return { batches, end };
    const records = recordsIn(pages, superblock, reader);
    const place = { ...end, lsn: pages[0]!.firstLsn };
    checkSegments(records, place);
    batches.push({ place, pages, records });
    end = {
      pageSeq: end.pageSeq + pages.length,
      lsn: place.lsn + records.length,
      batch: (end.batch + 1) % 2 ** 32,
      digestBefore: digestOf(pages.map(({ crc }) => crc)),
    };
  }
}

/** The pages of the batch that begins there; undefined where one is missing. */
function pagesAt(ring: Ring, { pageSeq }: Place): readonly Page[] | undefined {
  const first = ring.current(pageSeq);
  if (first?.place !== 0 || first.batchPages < 1) return undefined;
  const pages = Array.from({ length: first.batchPages }, (_, index) =>
    ring.current(pageSeq + index),
  );
  const isWhole = pages.every(
    (page, index) =>
      page?.batch === first.batch && page.place === index && page.batchPages === pages.length,
  );
  return isWhole ? (pages as Page[]) : undefined;
}

function followsOn(first: Page, place: Place, reader: PageReader): boolean {
  if (first.batch !== place.batch || first.digestBefore !== place.digestBefore) return false;
  if (first.firstLsn === place.lsn) return true;
  const start = startIn(first, reader);
  return (
    start !== undefined &&
    first.firstLsn > place.lsn &&
    start.lsn === first.firstLsn &&
    start.lastLsnBefore === place.lsn - 1
  );
}

/** The EpochStart at the beginning of a page that needs no key. */
function startIn(page: Page, reader: PageReader) {
  if (page.isEncrypted || page.firstRecord !== 0) return undefined;
  const fields = new Fields(reader.body(page));
  if (fields.bytes.length < 94 || fields.u16(6) !== types.epochStart) return undefined;
  return epochStart(new Fields(fields.bytes.subarray(30, 94)));
}

function recordsIn(
  pages: readonly Page[],
  superblock: Superblock,
  reader: PageReader,
): readonly LogRecord[] {
  const isPlain = reader.isEncrypted && pages.some((page) => !page.isEncrypted);
  const stream = new Uint8Array(Buffer.concat(pages.map((page) => reader.body(page))));
  const records = parseRecords(stream, pages[0]!.firstLsn);
  if (isPlain && !beginsEpoch(pages, records, superblock)) throw plainPage(pages[0]!);
  return records;
}

/** The only page of an encrypted journal's log that is not encrypted. */
function beginsEpoch(
  pages: readonly Page[],
  [first, second, ...others]: readonly LogRecord[],
  { epochs }: Superblock,
): boolean {
  const [page] = pages;
  const isAlone = pages.length === 1 && others.length === 0;
  const isOwn = first?.type === types.epochStart && (second?.type ?? types.segHdr) === types.segHdr;
  return (
    isAlone &&
    isOwn &&
    epochs.some((entry) => entry.first === page!.epoch && entry.pageSeq === page!.pageSeq)
  );
}

function plainPage({ pageSeq }: Page): Refusal {
  return new Refusal('record', `page ${pageSeq} should be encrypted`);
}

function checkSegments(records: readonly LogRecord[], { digestBefore }: Place): void {
  for (const { type, lsn, payload } of records) {
    if (type !== types.segHdr) continue;
    const follows =
      payload.u64(4) === lsn && payload.u64(12) === lsn - 1 && payload.u32(20) === digestBefore;
    if (!follows) throw new Refusal('record', `the segment at LSN ${lsn} does not follow`);
  }
}

/** Rules R1 to R5, `chain` and `clean`. */
function judge(ring: Ring, superblock: Superblock, end: Place): 'R4' | 'R5' {
  const current = ring.allCurrent;
  const newest = Math.max(-1, ...current.map(({ pageSeq }) => pageSeq));
  const durable = Math.max(superblock.durableLsn, ...current.map(({ durableLsn }) => durableLsn));
  if (end.lsn - 1 < durable || end.pageSeq < superblock.claimedEnd) {
    throw new Refusal('R1', `LSN ${durable} was durable, the log ends at ${end.lsn - 1}`);
  }
  if (newest >= end.pageSeq + superblock.window) {
    throw new Refusal('R2', `page ${newest} is too far behind page ${end.pageSeq}`);
  }
  const next = nextAt(ring, superblock, end.pageSeq);
  if (next === 'rotten') throw new Refusal('R3', `the batch at page ${end.pageSeq} is damaged`);
  if (next === 'unchained') throw new Refusal('chain', `page ${end.pageSeq} does not follow`);
  const rule = next === 'unfinished' || newest >= end.pageSeq ? 'R4' : 'R5';
  if (superblock.isClean && rule !== 'R5') {
    throw new Refusal('clean', `something follows page ${end.pageSeq} after a clean close`);
  }
  return rule;
}

type NextBatch = 'nothing' | 'unfinished' | 'rotten' | 'unchained';

function nextAt(ring: Ring, { window }: Superblock, end: number): NextBatch {
  if (end === ring.limit) return 'nothing';
  const first = ring.stateOf(end);
  if (first === 'stale') return 'nothing';
  if (first === 'torn') return 'unfinished';
  const pageCount = countOfBatch(ring, end, Math.min(window, ring.limit - end));
  if (pageCount === undefined) return first === 'rotten' ? 'rotten' : 'unchained';
  const states = new Set<PageState>();
  for (let index = 0; index < pageCount; index++) states.add(ring.stateOf(end + index));
  if (states.has('stale') || states.has('torn')) return 'unfinished';
  return states.has('rotten') ? 'rotten' : 'unchained';
}

function countOfBatch(ring: Ring, end: number, pagesMax: number): number | undefined {
  for (let index = 0; index < pagesMax; index++) {
    const page = ring.current(end + index);
    if (page === undefined) continue;
    const fits = page.place === index && page.batchPages > index && page.batchPages <= pagesMax;
    return fits ? page.batchPages : undefined;
  }
  return undefined;
}

/** Dead pages have used LSNs. */
function floorOf(ring: Ring, superblock: Superblock, end: Place, reader: PageReader): number {
  const dead = ring.allCurrent.filter(({ pageSeq }) => pageSeq >= end.pageSeq);
  const above = dead.map((page) => {
    const start = startIn(page, reader);
    if (start !== undefined) reader.noteSalt(start.epoch, start.salt);
    const body = new Fields(reader.body(page));
    let lsn = page.firstLsn;
    for (let at = page.firstRecord; at < page.used; lsn++) {
      at += at + 30 > page.used ? page.used : 30 + body.u32(at + 22);
    }
    return lsn;
  });
  return Math.max(superblock.lsnFloor, end.lsn, ...above);
}

/** Rule R7: the superblock as it must have been. */
function rebuilt(ring: Ring, found: Superblock, reader: PageReader): Superblock {
  const epochs = rebuiltEpochs(ring, found, reader);
  const newest = epochs.at(-1)!;
  const tails = ring.unknown
    .filter(({ epoch }) => epoch === newest.last)
    .map(({ pageSeq, tailDistance }) => pageSeq - tailDistance);
  const tailPageSeq = Math.max(found.tail.pageSeq, ring.newestTail, ...tails);
  const seen = ring.seenFrom({ ...found, epochs, tail: { ...found.tail, pageSeq: tailPageSeq } });
  if (seen.unknown.length > 0) throw new Refusal('R7', 'a page is beyond any log');
  const isTailKnown = tailPageSeq === found.tail.pageSeq;
  const tail = isTailKnown ? found.tail : placeAt(seen, tailPageSeq);
  const isListKept = isTailKnown || found.freePageLsn === 0;
  return {
    ...found,
    isClean: false,
    epochs,
    tail,
    freePageLsn: isListKept ? found.freePageLsn : Math.max(found.freePageLsn, tail.lsn),
    claimedEnd: Math.max(found.claimedEnd, newest.pageSeq),
  };
}

function rebuiltEpochs(ring: Ring, found: Superblock, reader: PageReader): readonly Epoch[] {
  const known = found.epochs.at(-1)!.last;
  const later = ring.unknown.filter(({ epoch }) => epoch > known);
  let epochs = found.epochs;
  for (const epoch of [...new Set(later.map((page) => page.epoch))].sort((a, b) => a - b)) {
    const starts = later.map((page) => ({ page, start: startIn(page, reader) }));
    const start = starts.find(
      ({ page, start: one }) => page.epoch === epoch && one !== undefined,
    )?.start;
    if (start?.epoch !== epoch) throw new Refusal('R7', `the start of epoch ${epoch} is lost`);
    const { pageSeq, lsn, salt } = start;
    const before = epochs.filter((entry) => entry.pageSeq < pageSeq);
    epochs = [...before, { first: epoch, last: epoch, pageSeq, lsn, salt }];
  }
  return epochs;
}

function placeAt(ring: Ring, pageSeq: number): Place {
  const page = ring.current(pageSeq);
  if (page?.place !== 0) throw new Refusal('R7', `no batch begins at page ${pageSeq}`);
  const { firstLsn: lsn, batch, digestBefore } = page;
  return { pageSeq, lsn, batch, digestBefore };
}
