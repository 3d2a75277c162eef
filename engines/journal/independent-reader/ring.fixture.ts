import { epochBehind, stampOf } from './checksums.fixture.ts';
import { Fields, Refusal, type DeviceImage } from './medium.fixture.ts';
import type { Page, PageReader } from './page.fixture.ts';
import type { Epoch, Superblock } from './superblock.fixture.ts';

export type PageState = 'current' | 'stale' | 'torn' | 'rotten';

/** The slots of the ring, of each the better copy where there are two, and what is in them. */
export class Ring {
  /** By slot. */
  readonly #bytes: readonly Uint8Array[];
  readonly #whole: readonly (Page | undefined)[];
  readonly #reader: PageReader;
  readonly #superblock: Superblock;

  constructor(bytes: readonly Uint8Array[], reader: PageReader, superblock: Superblock) {
    this.#bytes = bytes;
    this.#reader = reader;
    this.#superblock = superblock;
    this.#whole = bytes.map((page) => (reader.isWhole(page) ? reader.envelope(page) : undefined));
  }

  /** The same pages as another superblock sees them. */
  seenFrom(superblock: Superblock): Ring {
    return new Ring(this.#bytes, this.#reader, superblock);
  }

  /** Whole pages from the tail on, in the order of their slots. */
  get claims(): readonly { readonly slot: number; readonly page: Page }[] {
    return this.#whole.flatMap((page, slot) =>
      page !== undefined && page.pageSeq >= this.#superblock.tail.pageSeq ? { slot, page } : [],
    );
  }

  /** Those of which the superblock cannot know. */
  get unknown(): readonly Page[] {
    const newest = this.#superblock.epochs.at(-1)!.last;
    return this.claims
      .map(({ page }) => page)
      .filter(({ pageSeq, epoch }) => epoch > newest || pageSeq >= this.limit);
  }

  /** The newest tail that a current page names. */
  get newestTail(): number {
    return Math.max(
      0,
      ...this.allCurrent.map(({ pageSeq, tailDistance }) => pageSeq - tailDistance),
    );
  }

  /** The page after the last that there is room for. */
  get limit(): number {
    return this.#superblock.tail.pageSeq + this.#superblock.ringPages;
  }

  refuseMisplaced(): void {
    const stray = this.claims.find(
      ({ slot, page }) => page.pageSeq % this.#superblock.ringPages !== slot,
    );
    if (stray !== undefined) throw new Refusal('place', `page ${stray.page.pageSeq} is misplaced`);
  }

  current(pageSeq: number): Page | undefined {
    const page = this.#whole[pageSeq % this.#superblock.ringPages];
    if (page?.pageSeq !== pageSeq || pageSeq >= this.limit) return undefined;
    if (pageSeq < this.#superblock.tail.pageSeq) return undefined;
    return isOwner(ownerOf(this.#superblock.epochs, pageSeq), page.epoch) ? page : undefined;
  }

  get allCurrent(): readonly Page[] {
    return this.claims.flatMap(({ page }) => this.current(page.pageSeq) ?? []);
  }

  stateOf(pageSeq: number): PageState {
    if (this.current(pageSeq) !== undefined) return 'current';
    const { ringPages } = this.#superblock;
    const slot = pageSeq % ringPages;
    const page = this.#whole[slot];
    if (page !== undefined) return page.pageSeq % ringPages === slot ? 'stale' : 'rotten';
    return this.#damageOf(new Fields(this.#bytes[slot]!), pageSeq);
  }

  #damageOf(fields: Fields, pageSeq: number): PageState {
    const { isStamped, sectorBytes, pageBytes } = this.#reader;
    if (!isStamped) return 'rotten';
    const ages = new Set([this.#ageOfEnvelope(fields, pageSeq)]);
    for (let at = sectorBytes; at < pageBytes; at += sectorBytes) {
      ages.add(this.#ageOfStamp(fields.u32(at), pageSeq));
    }
    if (ages.has('unknown')) return 'rotten';
    if (ages.size === 2) return 'torn';
    return ages.has('older') ? 'stale' : 'rotten';
  }

  #ageOfEnvelope(fields: Fields, expected: number): Age {
    const [pageSeq, epoch] = [fields.u64(8), fields.u32(16)];
    const isDated = fields.u32(64) === stampOf(pageSeq, epoch, this.#reader.journalId);
    return isDated ? this.#ageOf(pageSeq, epoch, expected) : 'unknown';
  }

  #ageOfStamp(stamp: number, expected: number): Age {
    for (const pageSeq of [expected, expected - this.#superblock.ringPages]) {
      const epoch = epochBehind(stamp, pageSeq, this.#reader.journalId);
      const age = this.#ageOf(pageSeq, epoch, expected);
      if (age !== 'unknown') return age;
    }
    return 'unknown';
  }

  #ageOf(pageSeq: number, epoch: number, expected: number): Age {
    const { epochs, ringPages } = this.#superblock;
    const isHere = pageSeq === expected;
    if (isHere && isOwner(ownerOf(epochs, pageSeq), epoch)) return 'expected';
    const isPossible = isHere || pageSeq === expected - ringPages;
    return isPossible && epoch <= epochs.at(-1)!.last ? 'older' : 'unknown';
  }
}

type Age = 'expected' | 'older' | 'unknown';

function ownerOf(epochs: readonly Epoch[], pageSeq: number): Epoch | undefined {
  return epochs.findLast((entry) => entry.pageSeq <= pageSeq);
}

function isOwner(entry: Epoch | undefined, epoch: number): boolean {
  return entry !== undefined && entry.first <= epoch && epoch <= entry.last;
}

export function readRing(device: DeviceImage, superblock: Superblock, reader: PageReader): Ring {
  const { extents, isMirrored, ringPages, pageBytes } = superblock;
  const { ring, doubleWrite } = extents;
  const pages = slotsAt(device, ring.at, ringPages, pageBytes);
  if (!isMirrored) return new Ring(pages, reader, superblock);
  const mirrorAt = doubleWrite.at + doubleWrite.byteCount - ring.byteCount;
  const twins = slotsAt(device, mirrorAt, ringPages, pageBytes);
  const better = pages.map((page, slot) => {
    const rank = rankOf(page, slot, ringPages, reader);
    return isAbove(rankOf(twins[slot]!, slot, ringPages, reader), rank) ? twins[slot]! : page;
  });
  return new Ring(better, reader, superblock);
}

function slotsAt(device: DeviceImage, at: number, count: number, pageBytes: number): Uint8Array[] {
  const bytes = device.read(at, count * pageBytes);
  return Array.from({ length: count }, (_, slot) =>
    bytes.subarray(slot * pageBytes, (slot + 1) * pageBytes),
  );
}

/** page_seq, then epoch; lowest where it is no whole page of that slot. */
function rankOf(
  bytes: Uint8Array,
  slot: number,
  ringPages: number,
  reader: PageReader,
): readonly [number, number] {
  const page = reader.isWhole(bytes) ? reader.envelope(bytes) : undefined;
  return page?.pageSeq !== undefined && page.pageSeq % ringPages === slot
    ? [page.pageSeq, page.epoch]
    : [-1, -1];
}

function isAbove(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}
