import assert from 'node:assert/strict';
import type { DeviceGeometry } from '../contract/index.ts';
import { addWords, digestText, emptyDigest, unitDigest } from './digest.ts';
import { fillForeign } from './foreign.ts';
import { Unit, type Words } from './unit.ts';

const slotBits = 6;
const slotCount = 1 << slotBits;
const slotMask = slotCount - 1;

/** Unit numbers are shifted as 32-bit integers. */
const unitCountMax = 2 ** 31;

/** Foreign units kept; enough for the rings of a test, bounded for a scan of a whole drive. */
const foreignUnitsKept = 8192;

/** Who may change a node in place. A fork hands both sides new owners, so neither changes it. */
type Owner = object;

interface Node {
  readonly owner: Owner;
  readonly slots: (Node | Unit | undefined)[];
  /** Of the subtree; undefined since it was changed. */
  digest: Words | undefined;
}

export interface ImageOptions {
  readonly unitBytes: number;
  readonly unitCount: number;
  /** Goes into the pattern of units that were never written. */
  readonly foreignSeed: number;
}

/**
 * The contents of a drive, in atomic units. A persistent radix tree, 64 ways: a fork costs the same
 * whatever the image holds, and afterwards both sides change independently. Only written units take
 * memory.
 */
export class SparseImage {
  readonly unitBytes: number;
  readonly unitCount: number;
  readonly foreignSeed: number;
  readonly #foreign: Map<number, Unit>;
  /** Bits of the unit number that the root's slots are chosen by. */
  readonly #rootShift: number;
  #owner: Owner = {};
  #root: Node;

  constructor(options: ImageOptions);
  /** For `fork`. */
  constructor(options: ImageOptions, root: Node, foreign: Map<number, Unit>);
  constructor(options: ImageOptions, root?: Node, foreign?: Map<number, Unit>) {
    assert(options.unitBytes % 512 === 0, 'a unit is whole sectors of 512 bytes');
    assert(options.unitCount <= unitCountMax, 'the image has too many units');
    this.unitBytes = options.unitBytes;
    this.unitCount = options.unitCount;
    this.foreignSeed = options.foreignSeed;
    this.#rootShift = rootShiftOf(options.unitCount);
    this.#root = root ?? emptyNode(this.#owner);
    this.#foreign = foreign ?? new Map<number, Unit>();
  }

  /** A second image of the same contents; both can be changed from here on. */
  fork(): SparseImage {
    this.#owner = {};
    return new SparseImage(this, this.#root, this.#foreign);
  }

  readUnit(index: number): Unit {
    return this.writtenUnit(index) ?? this.foreignUnit(index);
  }

  /** The unit as it was last written, or undefined where it never was. */
  writtenUnit(index: number): Unit | undefined {
    let node = this.#root;
    for (let shift = this.#rootShift; shift > 0; shift -= slotBits) {
      const below = node.slots[(index >>> shift) & slotMask];
      if (below === undefined) return undefined;
      node = below as Node;
    }
    return node.slots[index & slotMask] as Unit | undefined;
  }

  /** What the unit held before anything was written to it. */
  foreignUnit(index: number): Unit {
    return this.#foreign.get(index) ?? this.#makeForeign(index);
  }

  writeUnit(index: number, unit: Unit): void {
    let node = this.#ownRoot();
    for (let shift = this.#rootShift; shift > 0; shift -= slotBits) {
      node = this.#ownChild(node, (index >>> shift) & slotMask);
    }
    node.slots[index & slotMask] = unit;
  }

  read(byteOffset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const index = Math.floor((byteOffset + done) / this.unitBytes);
      const from = byteOffset + done - index * this.unitBytes;
      const count = Math.min(this.unitBytes - from, target.length - done);
      const { bytes } = this.readUnit(index);
      target.set(count === this.unitBytes ? bytes : bytes.subarray(from, from + count), done);
      done += count;
    }
  }

  /** Writes any bytes anywhere, past every cache: how tests and tools damage or prepare a medium. */
  writeBytes(byteOffset: number, source: Uint8Array): void {
    let done = 0;
    while (done < source.length) {
      const index = Math.floor((byteOffset + done) / this.unitBytes);
      const from = byteOffset + done - index * this.unitBytes;
      const count = Math.min(this.unitBytes - from, source.length - done);
      // Not `slice`: where the bytes are a Buffer, it shares them.
      const bytes = new Uint8Array(this.readUnit(index).bytes);
      bytes.set(source.subarray(done, done + count), from);
      this.writeUnit(index, new Unit(bytes));
      done += count;
    }
  }

  /** Equal exactly if the contents are equal (128 bits). Costs what changed since it was asked. */
  digest(): string {
    return digestText(this.digestWords());
  }

  digestWords(): Words {
    return this.#digestOf(this.#root, this.#rootShift, 0);
  }

  /** What the unit with these contents adds to `digestWords`. */
  digestOfUnit(index: number, unit: Unit): Words {
    if (this.holdsForeign(index, unit)) return emptyDigest;
    return unitDigest(index, unit.hash);
  }

  /** Whether these contents are the unit's own foreign pattern. */
  holdsForeign(index: number, unit: Unit): boolean {
    const foreign = this.foreignUnit(index);
    if (unit === foreign) return true;
    return unit.bytes[0] === foreign.bytes[0] && unit.equals(foreign);
  }

  /** Numbers and contents of the written units, ascending. */
  writtenUnits(): { readonly index: number; readonly unit: Unit }[] {
    const found: { index: number; unit: Unit }[] = [];
    collect(this.#root, this.#rootShift, 0, found);
    return found;
  }

  /**
   * Numbers and contents of the units that this image may hold otherwise than `other`, ascending: all
   * that differ, and units that were written again with what they held. Costs what was written since
   * one was forked from the other. Both must be of one shape and one foreign pattern.
   */
  unitsUnlike(other: SparseImage): { readonly index: number; readonly unit: Unit }[] {
    assert(
      this.unitBytes === other.unitBytes &&
        this.unitCount === other.unitCount &&
        this.foreignSeed === other.foreignSeed,
      'only images of one shape can be compared',
    );
    const found: { index: number; unit: Unit }[] = [];
    this.#collectUnlike(this.#root, other.#root, this.#rootShift, 0, found);
    return found;
  }

  #collectUnlike(
    here: Node | undefined,
    there: Node | undefined,
    shift: number,
    firstIndex: number,
    found: { index: number; unit: Unit }[],
  ): void {
    if (here === there) return;
    for (let slot = 0; slot < slotCount; slot++) {
      const below = here?.slots[slot];
      const belowThere = there?.slots[slot];
      if (below === belowThere) continue;
      const index = firstIndex + slot * 2 ** shift;
      if (shift === 0) {
        found.push({ index, unit: (below as Unit | undefined) ?? this.foreignUnit(index) });
      } else {
        const [node, nodeThere] = [below, belowThere] as (Node | undefined)[];
        this.#collectUnlike(node, nodeThere, shift - slotBits, index, found);
      }
    }
  }

  #ownRoot(): Node {
    if (this.#root.owner !== this.#owner) this.#root = copyNode(this.#root, this.#owner);
    this.#root.digest = undefined;
    return this.#root;
  }

  #ownChild(parent: Node, slot: number): Node {
    const child = parent.slots[slot] as Node | undefined;
    if (child?.owner === this.#owner) {
      child.digest = undefined;
      return child;
    }
    const owned = child === undefined ? emptyNode(this.#owner) : copyNode(child, this.#owner);
    parent.slots[slot] = owned;
    return owned;
  }

  #digestOf(node: Node, shift: number, firstIndex: number): Words {
    if (node.digest !== undefined) return node.digest;
    let sum = emptyDigest;
    for (let slot = 0; slot < slotCount; slot++) {
      const below = node.slots[slot];
      if (below === undefined) continue;
      const index = firstIndex + slot * 2 ** shift;
      const part =
        shift === 0
          ? this.digestOfUnit(index, below as Unit)
          : this.#digestOf(below as Node, shift - slotBits, index);
      sum = addWords(sum, part);
    }
    node.digest = sum;
    return sum;
  }

  #makeForeign(index: number): Unit {
    const bytes = new Uint8Array(this.unitBytes);
    fillForeign(bytes, this.foreignSeed, index * (this.unitBytes / 512));
    const unit = new Unit(bytes);
    if (this.#foreign.size >= foreignUnitsKept) this.#foreign.clear();
    this.#foreign.set(index, unit);
    return unit;
  }
}

function rootShiftOf(unitCount: number): number {
  let shift = 0;
  while (2 ** (shift + slotBits) < unitCount) shift += slotBits;
  return shift;
}

function emptyNode(owner: Owner): Node {
  return { owner, slots: new Array<undefined>(slotCount), digest: undefined };
}

function copyNode(node: Node, owner: Owner): Node {
  return { owner, slots: node.slots.slice(), digest: undefined };
}

function collect(
  node: Node,
  shift: number,
  firstIndex: number,
  found: { index: number; unit: Unit }[],
): void {
  node.slots.forEach((below, slot) => {
    if (below === undefined) return;
    const index = firstIndex + slot * 2 ** shift;
    if (shift === 0) found.push({ index, unit: below as Unit });
    else collect(below as Node, shift - slotBits, index, found);
  });
}

/** An image for a drive of that geometry, nothing written to it yet. */
export function createImage(
  geometry: Pick<DeviceGeometry, 'logicalBlockBytes' | 'capacityBlocks' | 'atomicWriteBlocks'>,
  foreignSeed: number,
): SparseImage {
  const { logicalBlockBytes, capacityBlocks, atomicWriteBlocks } = geometry;
  assert(capacityBlocks % atomicWriteBlocks === 0, 'the capacity is whole atomic units');
  return new SparseImage({
    unitBytes: logicalBlockBytes * atomicWriteBlocks,
    unitCount: capacityBlocks / atomicWriteBlocks,
    foreignSeed,
  });
}
