import { EngineRefusal, type ToolAnswer, type ToolSite } from '../../../harness/contract/index.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { noRecordBegins, readPageHeader } from '../format/page.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import { readRing, type RingContents } from '../recovery/read-ring.ts';
import { scanRing, type RingScan } from '../recovery/ring-scan.ts';
import { dumpOptions, type DumpOptions } from './dump-options.ts';
import { envelopeData, formatPage, formatRecord, hexLines } from './dump-text.ts';
import { readMedium, superblockOf } from './medium.ts';
import { PageOpener } from './page-opener.ts';
import { PageViewer, type PageView, type ViewedState } from './page-view.ts';
import { describePage } from './page-words.ts';
import { formatHex, formatUuid } from './quantities.ts';
import { payloadFields, recordName } from './record-decoders.ts';
import { RecordReader, type ReadRecord } from './record-reader.ts';
import { disposeKeys, toolKeysFor, type ToolKeys } from './tool-keys.ts';

/**
 * The ring page by page, in the order of the log, with the records in its whole pages where they are
 * asked for. Throws EngineRefusal where there is no journal, or no page that holds a wanted LSN.
 */
export async function* dump(site: ToolSite): AsyncGenerator<ToolAnswer, void, undefined> {
  const options = dumpOptions.parse(site.options);
  const medium = await readMedium(site);
  const superblock = superblockOf(medium);
  const ring = await readRing(medium.io, superblock.layout);
  const keys = await toolKeysFor(superblock, options);
  try {
    const dumper = new Dumper({ ring, superblock, crc32c: medium.crc32c, options, keys });
    yield dumper.heading();
    for (const item of dumper.items()) {
      if (site.interrupted?.aborted === true) return;
      yield item;
    }
  } finally {
    disposeKeys(keys);
  }
}

interface DumpSite {
  readonly ring: RingContents;
  readonly superblock: Superblock;
  readonly crc32c: Crc32c;
  readonly options: DumpOptions;
  readonly keys: ToolKeys;
}

class Dumper {
  readonly #ring: RingContents;
  readonly #superblock: Superblock;
  readonly #options: DumpOptions;
  readonly #scan: RingScan;
  readonly #viewer: PageViewer;
  readonly #opener: PageOpener;
  readonly #reader: RecordReader;

  constructor({ ring, superblock, crc32c, options, keys }: DumpSite) {
    const codec = pageCodecOf(superblock, crc32c);
    const bounds = { tailPageSeq: superblock.tail.pageSeq, epochs: superblock.epochs };
    this.#ring = ring;
    this.#superblock = superblock;
    this.#options = options;
    this.#scan = scanRing(ring, codec, bounds);
    this.#viewer = new PageViewer(this.#scan, superblock.layout);
    this.#opener = new PageOpener(codec, keys);
    this.#reader = new RecordReader(codec, crc32c);
  }

  heading(): ToolAnswer {
    const { identity, layout, tail, sequence } = this.#superblock;
    const uuid = formatUuid(identity.uuid);
    const data = {
      kind: 'journal',
      uuid,
      superblock: sequence,
      pageBytes: layout.pageBytes,
      ringPages: layout.ringPages,
      tailPage: tail.pageSeq,
      tailLsn: tail.nextLsn,
      newestPage: this.#scan.newestCurrent === -1 ? null : this.#scan.newestCurrent,
    };
    const text = `journal ${uuid}: ${layout.ringPages} pages of ${layout.pageBytes} bytes, tail at page ${tail.pageSeq}, LSN ${tail.nextLsn}`;
    return { data, text: [text], outcome: 'ok' };
  }

  *items(): Generator<ToolAnswer, void, undefined> {
    const first = this.#firstPage();
    const views = this.#pagesFrom(first);
    const count = this.#options.count ?? this.#interestingCount(first);
    let shown = 0;
    for (const view of views) {
      if (shown === count) break;
      yield this.#pageAnswer(view);
      if (this.#options.records) yield* this.#recordAnswers(view);
      shown++;
    }
    const left = this.#pagesBefore(first) - shown;
    if (left > 0 && this.#options.count === undefined) yield restAnswer(left);
  }

  #firstPage(): number {
    const { fromPage, fromLsn } = this.#options;
    if (fromLsn !== undefined) return this.#pageOfLsn(fromLsn);
    return fromPage ?? this.#superblock.tail.pageSeq;
  }

  /** Each slot once, as the place of the page that belongs there now. */
  *#pagesFrom(first: number): Generator<PageView, void, undefined> {
    const tail = this.#superblock.tail.pageSeq;
    const { ringPages } = this.#scan;
    const start = ringPages - this.#pagesBefore(first);
    for (let index = 0; index < ringPages; index++) {
      yield this.#viewer.view(tail + ((start + index) % ringPages));
    }
  }

  /** From a page up to where the log would meet its own tail. */
  #pagesBefore(page: number): number {
    const { ringPages } = this.#scan;
    const distance = (page - this.#superblock.tail.pageSeq) % ringPages;
    return ringPages - (distance < 0 ? distance + ringPages : distance);
  }

  /**
   * Behind the last page that is neither as formatted nor of an earlier lap there is only more of it.
   * Whoever begins before the tail wants to see those.
   */
  #interestingCount(first: number): number {
    const count = this.#pagesBefore(first);
    if (first < this.#superblock.tail.pageSeq) return count;
    let last = 1;
    let index = 0;
    for (const { state } of this.#pagesFrom(first)) {
      if (index === count) break;
      index++;
      if (!isOld(state)) last = index;
    }
    return last;
  }

  #pageOfLsn(lsn: number): number {
    const tail = this.#superblock.tail.pageSeq;
    let found: number | undefined;
    for (let page = tail; page <= this.#scan.newestCurrent; page++) {
      if (!this.#scan.isCurrent(page)) continue;
      const { firstRecord, firstLsn } = readPageHeader(
        this.#scan.pages.view,
        this.#scan.offsetOf(page),
      );
      if (firstRecord !== noRecordBegins && firstLsn <= lsn) found = page;
    }
    if (found !== undefined) return found;
    throw new EngineRefusal(
      'incompatible',
      `no current page holds the record with LSN ${lsn}: the log begins with LSN ${this.#superblock.tail.nextLsn}`,
    );
  }

  #pageAnswer(view: PageView): ToolAnswer {
    const { sectorBytes } = this.#scan.codec;
    const words = describePage(view, sectorBytes);
    const { page, slot, byteOffset, state, envelope, sectors } = view;
    const data = {
      kind: 'page',
      page,
      slot,
      byteOffset,
      state,
      finding: words,
      envelope: envelope === undefined ? null : envelopeData(envelope),
      sectors,
      ...(this.#options.hex ? { hex: formatHex(this.#bytesOf(view)) } : {}),
    };
    const hex = this.#options.hex ? hexLines(this.#bytesOf(view)) : [];
    return { data, text: [formatPage(view, words), ...hex], outcome: 'ok' };
  }

  *#recordAnswers(view: PageView): Generator<ToolAnswer, void, undefined> {
    if (view.envelope === undefined || view.state === 'misplaced') return;
    const bytes = this.#bytesOf(view).slice();
    const obstacle = this.#opener.open(bytes);
    if (obstacle !== undefined) {
      yield noteAnswer(view, obstacle);
      return;
    }
    for (const record of this.#reader.read(bytes)) {
      if (record.header.lsn >= (this.#options.fromLsn ?? 0)) yield recordAnswer(record);
    }
  }

  #bytesOf({ page }: PageView): Uint8Array {
    const at = this.#scan.offsetOf(page);
    return this.#ring.pages.bytes.subarray(at, at + this.#superblock.layout.pageBytes);
  }
}

function isOld(state: ViewedState): boolean {
  return state === 'empty' || state === 'retired';
}

function recordAnswer(record: ReadRecord): ToolAnswer {
  const { type, lsn, tenant, vshard, payloadBytes } = record.header;
  const { page, bodyOffset, isWhole, payload } = record;
  const data = {
    kind: 'record',
    page,
    bodyOffset,
    type: `0x${type.toString(16).padStart(4, '0')}`,
    name: recordName(type),
    lsn,
    tenant,
    vshard,
    payloadBytes,
    isWhole,
    payload: payloadFields(type, payload),
  };
  return { data, text: [formatRecord(data)], outcome: 'ok' };
}

function noteAnswer({ page }: PageView, note: string): ToolAnswer {
  return { data: { kind: 'note', page, note }, text: [`    ${note}`], outcome: 'ok' };
}

function restAnswer(pages: number): ToolAnswer {
  const note = `${pages} more slots hold pages of earlier laps, or were never written; --count shows them`;
  return { data: { kind: 'rest', pages }, text: [note], outcome: 'ok' };
}
