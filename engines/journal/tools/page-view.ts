import type { Layout } from '../format/layout.ts';
import { ownerOf } from '../format/epoch-table.ts';
import { pageAt, pageFlags, readPageHeader, type PageHeader } from '../format/page.ts';
import type { RingScan } from '../recovery/ring-scan.ts';
import { ageOfSector, type ExpectedPage, type SectorAge } from '../recovery/tear.ts';

/** What stands in the slot of a page, more finely than the tail rules need it. */
export type ViewedState =
  | 'current'
  /** As formatting left it. */
  | 'empty'
  /** Whole, and before the tail: its contents are in place. */
  | 'retired'
  /** Whole, of an epoch that lost this place to a later one. */
  | 'dead'
  /** Whole, of an epoch or a lap that the superblock cannot know of: the superblock fell back. */
  | 'newer'
  /** Whole, and in a slot that is not its own: a write was misdirected. */
  | 'misplaced'
  /** Not whole, and every sector is of an older write: the write that is expected here never came. */
  | 'unwritten'
  /** Some sectors are of the write expected here, the others of an older one. */
  | 'torn'
  /** Not whole, and no power loss can have left it so. */
  | 'rotten'
  | 'unreadable';

export interface SectorView {
  /** From the beginning of the page. */
  readonly byteOffset: number;
  readonly stamp: string;
  /** Which write the stamp belongs to: the one expected here, an older one, or none ever made. */
  readonly from: SectorAge;
}

export interface PageView {
  /** The page that belongs into the slot now: the one of [tail, tail + N). */
  readonly page: number;
  readonly slot: number;
  /** On the device. */
  readonly byteOffset: number;
  readonly state: ViewedState;
  /** Of a whole page, which may be another one than is expected. */
  readonly envelope: PageHeader | undefined;
  /** Of a stamped page that is not whole. */
  readonly sectors: readonly SectorView[];
}

/** Looks at slots of a ring as it was read, before any page of it was unstamped. */
export class PageViewer {
  readonly #scan: RingScan;
  readonly #layout: Layout;
  readonly #misplaced: ReadonlySet<number>;
  readonly #newer: ReadonlySet<number>;

  constructor(scan: RingScan, layout: Layout) {
    this.#scan = scan;
    this.#layout = layout;
    this.#misplaced = new Set(scan.misplaced.map(({ slot }) => slot));
    this.#newer = new Set(scan.unknownToSuperblock.map(({ slot }) => slot));
  }

  view(page: number): PageView {
    const slot = page % this.#scan.ringPages;
    const state = this.#stateOf(page, slot);
    const isWhole = !['unwritten', 'torn', 'rotten', 'unreadable'].includes(state);
    const at = this.#scan.offsetOf(page);
    const hasStamps = !isWhole && state !== 'unreadable' && this.#scan.codec.isStamped;
    return {
      page,
      slot,
      byteOffset: this.#layout.extents.ring.byteOffset + at,
      state,
      envelope: isWhole ? readPageHeader(this.#scan.pages.view, at) : undefined,
      sectors: hasStamps ? this.#sectorsOf(page, at) : [],
    };
  }

  #stateOf(page: number, slot: number): ViewedState {
    if (this.#scan.isUnreadable(page)) return 'unreadable';
    if (this.#misplaced.has(slot)) return 'misplaced';
    if (this.#newer.has(slot)) return 'newer';
    const state = this.#scan.stateOf(page);
    const at = this.#scan.offsetOf(page);
    const isWhole = this.#scan.codec.isWhole(this.#scan.pages, at);
    if (state !== 'stale') return state === 'rotten' && isWhole ? 'misplaced' : state;
    return isWhole ? this.#staleKind(page, at) : 'unwritten';
  }

  #staleKind(page: number, at: number): ViewedState {
    const { flags, pageSeq } = readPageHeader(this.#scan.pages.view, at);
    if ((flags & pageFlags.empty) !== 0) return 'empty';
    return pageSeq === page ? 'dead' : 'retired';
  }

  #sectorsOf(page: number, at: number): SectorView[] {
    const { codec, pages } = this.#scan;
    const expected = this.#expected(page);
    return Array.from({ length: codec.pageBytes / codec.sectorBytes }, (_, sector) => {
      const byteOffset = sector * codec.sectorBytes;
      const stampAt = at + (sector === 0 ? pageAt.crc + 4 : byteOffset);
      const stamp = pages.view.getUint32(stampAt, true).toString(16).padStart(8, '0');
      return { byteOffset, stamp, from: ageOfSector(pages, at, sector, codec, expected) };
    });
  }

  #expected(pageSeq: number): ExpectedPage {
    const { epochs } = this.#scan.bounds;
    return {
      pageSeq,
      owner: ownerOf(epochs, pageSeq),
      newestEpoch: epochs.at(-1)!.epoch,
      ringPages: this.#scan.ringPages,
    };
  }
}
