import { placesPerRunMax, type PlaceRun } from '../../format/free-page.ts';

const wordBits = 32;
const chunkWords = 1024;
const chunkBits = chunkWords * wordBits;
const wordFull = 0xffffffff;

/**
 * Places of the data area that are known to hold nothing that counts: a bit each, in parts that are
 * there only where a place is known, so that memory does not grow with the volume. Gives them out in
 * ascending order, going on where it left off, so that blocks written together mostly lie together.
 */
export class FreeSpace {
  /** Every place that is free is known: the whole map has been read. */
  knowsAll = false;
  readonly #chunks = new Map<number, Uint32Array>();
  readonly #placeCount: number;
  #knownCount = 0;
  #next = 0;

  constructor(placeCount: number) {
    this.#placeCount = placeCount;
  }

  get knownCount(): number {
    return this.#knownCount;
  }

  has(place: number): boolean {
    const word = this.#chunks.get(Math.floor(place / chunkBits))?.[wordIn(place)] ?? 0;
    return (word & bitOf(place)) !== 0;
  }

  /** The place is free; false where that was known already. */
  add(place: number): boolean {
    const chunk = this.#chunkOf(place);
    const word = wordIn(place);
    if ((chunk[word]! & bitOf(place)) !== 0) return false;
    chunk[word]! |= bitOf(place);
    this.#knownCount += 1;
    return true;
  }

  addRun({ start, count }: PlaceRun): void {
    const end = start + count;
    for (let place = start; place < end;) {
      const isWholeWord = place % wordBits === 0 && place + wordBits <= end;
      if (isWholeWord) this.#putWord(place, wordFull);
      else this.add(place);
      place += isWholeWord ? wordBits : 1;
    }
  }

  /** The place is in use, or may be. */
  remove(place: number): void {
    if (!this.has(place)) return;
    this.#chunkOf(place)[wordIn(place)]! &= ~bitOf(place);
    this.#knownCount -= 1;
  }

  /** From now on all is known: free is what is in neither of the two, and what was known to be. */
  addAllBut(used: FreeSpace, taken: FreeSpace): void {
    for (let place = 0; place < this.#placeCount; place += wordBits) {
      const beyond = place + wordBits - this.#placeCount;
      const inside = beyond > 0 ? wordFull >>> beyond : wordFull;
      const free = ~(used.#wordAt(place) | taken.#wordAt(place)) & inside;
      if (free !== 0) this.#putWord(place, this.#wordAt(place) | free);
    }
    this.knowsAll = true;
  }

  /** That many places, from now on in use; undefined where not so many are known. */
  take(count: number): Float64Array | undefined {
    if (count > this.#knownCount) return undefined;
    const places = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      const place = this.#nextOf(this.#next, true) ?? this.#nextOf(0, true)!;
      this.remove(place);
      this.#next = place + 1;
      places[index] = place;
    }
    return places;
  }

  /** Known places in the order in which they will be taken, at most so many runs of them. */
  runs(countMax: number): PlaceRun[] {
    const runs: PlaceRun[] = [];
    this.#putRuns(runs, countMax, this.#next, this.#placeCount);
    this.#putRuns(runs, countMax, 0, this.#next);
    return runs;
  }

  #putRuns(runs: PlaceRun[], countMax: number, from: number, to: number): void {
    for (let start = from; runs.length < countMax;) {
      const first = this.#nextOf(start, true);
      if (first === undefined || first >= to) return;
      const end = Math.min(this.#nextOf(first, false) ?? to, to, first + placesPerRunMax);
      runs.push({ start: first, count: end - first });
      start = end;
    }
  }

  /** The first place from there on that is known to be free, or is not. */
  #nextOf(from: number, isKnown: boolean): number | undefined {
    for (let place = from; place < this.#placeCount;) {
      const chunk = this.#chunks.get(Math.floor(place / chunkBits));
      if (chunk === undefined && isKnown) {
        place = (Math.floor(place / chunkBits) + 1) * chunkBits;
        continue;
      }
      const word = chunk?.[wordIn(place)] ?? 0;
      const wanted = (isKnown ? word : ~word) & (wordFull << (place % wordBits));
      const wordStart = place - (place % wordBits);
      if (wanted !== 0) return wordStart + lowestBitOf(wanted);
      place = wordStart + wordBits;
    }
    return undefined;
  }

  #wordAt(place: number): number {
    return this.#chunks.get(Math.floor(place / chunkBits))?.[wordIn(place)] ?? 0;
  }

  #putWord(place: number, word: number): void {
    const chunk = this.#chunkOf(place);
    const before = chunk[wordIn(place)]!;
    chunk[wordIn(place)] = word;
    this.#knownCount += bitsIn(word) - bitsIn(before);
  }

  #chunkOf(place: number): Uint32Array {
    const number = Math.floor(place / chunkBits);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) this.#chunks.set(number, (chunk = new Uint32Array(chunkWords)));
    return chunk;
  }
}

function wordIn(place: number): number {
  return Math.floor((place % chunkBits) / wordBits);
}

function bitOf(place: number): number {
  return 1 << (place % wordBits);
}

function lowestBitOf(word: number): number {
  return wordBits - 1 - Math.clz32(word & -word);
}

function bitsIn(word: number): number {
  if (word === 0) return 0;
  if (word >>> 0 === wordFull) return wordBits;
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count += 1;
  return count;
}
