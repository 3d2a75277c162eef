/**
 * Stamped blocks of one length: their filler, and the checksum that follows from their fields without
 * going over their bytes. A CRC is affine: that of a block is that of the block whose fields are zero,
 * and for every bit that is set in them a word that depends on the place of the bit alone. Both are
 * learned from examples, whose checksums `crc32c` finds.
 */
import { crc32c } from './crc32c.ts';
import { fillerByteCount, fillerFrom, fillerStartCount, fillerStride } from './filler.ts';

/**
 * The checksum of an example: the filler is that from `start`, and every field is zero but for the last
 * one of each tag and the last one of the header.
 */
export type Example = (start: number, inTags: number, inHeader: number) => number;

/** What a word adds to a checksum: 256 entries for each of its bytes. */
type WordTable = Uint32Array;

/** More of them would not be used often enough to be worth learning. */
const formsMax = 32;

const forms = new Map<number, BlockForm>();
let lastForm: BlockForm | undefined;

/** Undefined where the bytes have to be gone over. */
export function formOf(
  byteCount: number,
  exampleOf: (byteCount: number) => Example,
): BlockForm | undefined {
  if (lastForm?.byteCount === byteCount) return lastForm;
  let form = forms.get(byteCount);
  if (form === undefined) {
    if (forms.size === formsMax || byteCount > fillerByteCount) return undefined;
    form = new BlockForm(byteCount, exampleOf(byteCount));
    forms.set(byteCount, form);
  }
  lastForm = form;
  return form;
}

export class BlockForm {
  readonly byteCount: number;
  readonly #stride: number;
  readonly #example: Example;
  readonly #ofTags: WordTable;
  readonly #ofHeader: WordTable;
  /** By the place where the filler begins; the checksum is known where the filler is. */
  readonly #fillers: (Uint8Array | undefined)[];
  readonly #checksums: Uint32Array;

  constructor(byteCount: number, example: Example) {
    this.byteCount = byteCount;
    this.#stride = fillerStride(byteCount);
    this.#example = example;
    this.#ofTags = wordTable((word) => example(0, word, 0));
    this.#ofHeader = wordTable((word) => example(0, 0, word));
    this.#checksums = new Uint32Array(fillerStartCount(byteCount));
    this.#fillers = Array.from(this.#checksums, () => undefined);
  }

  fillerAt(start: number): Uint8Array {
    const at = start / this.#stride;
    const known = this.#fillers[at];
    if (known !== undefined) return known;
    this.#checksums[at] = this.#example(start, 0, 0);
    return (this.#fillers[at] = fillerFrom(start, this.byteCount));
  }

  /** Of a block with the filler of `fillerAt(start)`, and with those fields, folded. */
  checksum(start: number, tag: number, header: number): number {
    const ofFiller = this.#checksums[start / this.#stride]!;
    return (ofFiller ^ added(this.#ofTags, tag) ^ added(this.#ofHeader, header)) >>> 0;
  }
}

let wordAfter: WordTable | undefined;

/**
 * Fields that follow each other count as much as this word in the place of the last: `folded` is the
 * word for those before it.
 */
export function fold(folded: number, field: number): number {
  wordAfter ??= wordTable((word) => crc32c(new Uint8Array(Uint32Array.of(word).buffer)));
  return added(wordAfter, folded) ^ field;
}

function added(table: WordTable, word: number): number {
  return (
    table[word & 0xff]! ^
    table[256 + ((word >>> 8) & 0xff)]! ^
    table[512 + ((word >>> 16) & 0xff)]! ^
    table[768 + (word >>> 24)]!
  );
}

/** Each bit by an example, and the rest as sums of those. */
function wordTable(checksumWith: (word: number) => number): WordTable {
  const table = new Uint32Array(4 * 256);
  const withNone = checksumWith(0);
  for (let byte = 0; byte < 4; byte++) {
    for (let value = 1; value < 256; value++) {
      const lowest = value & -value;
      table[byte * 256 + value] =
        value === lowest
          ? checksumWith((value << (byte * 8)) >>> 0) ^ withNone
          : table[byte * 256 + lowest]! ^ table[byte * 256 + (value ^ lowest)]!;
    }
  }
  return table;
}
