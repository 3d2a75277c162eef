// Goal: an image behaves as plain bytes do, forks are independent of each other, and the digest says
// exactly whether contents are equal. Method: random programs over several forks against a model of
// plain buffers.
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom, type Random } from '../contract/index.ts';
import { isForeign } from './foreign.ts';
import { createImage, SparseImage } from './image.ts';
import { Unit } from './unit.ts';

const unitBytes = 512;
const unitCount = 200;

interface Pair {
  readonly image: SparseImage;
  readonly model: Buffer;
}

function startPair(): Pair {
  const image = new SparseImage({ unitBytes, unitCount, foreignSeed: 9 });
  const model = Buffer.alloc(unitBytes * unitCount);
  image.read(0, model);
  return { image, model };
}

function changeSomething({ image, model }: Pair, random: Random): void {
  const index = random.below(unitCount);
  const bytes = new Uint8Array(unitBytes).fill(random.below(3));
  switch (random.below(3)) {
    case 0:
      image.writeUnit(index, new Unit(bytes));
      model.set(bytes, index * unitBytes);
      return;
    case 1: {
      const foreign = image.foreignUnit(index).bytes.slice();
      image.writeUnit(index, new Unit(foreign));
      model.set(foreign, index * unitBytes);
      return;
    }
    default: {
      const byteOffset = random.below(unitCount * unitBytes - 1500);
      const source = Buffer.alloc(1 + random.below(1500), random.below(3));
      image.writeBytes(byteOffset, source);
      model.set(source, byteOffset);
    }
  }
}

test('forks are independent, and equal contents are equal digests', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = createRandom(seed);
      const pairs = [startPair()];
      for (let step = 0; step < 60; step++) {
        const pair = pairs[random.below(pairs.length)]!;
        if (random.chance(1, 6) && pairs.length < 8) {
          pairs.push({ image: pair.image.fork(), model: Buffer.from(pair.model) });
        } else {
          changeSomething(pair, random);
        }
        if (random.chance(1, 10)) pair.image.digest();
      }
      for (const { image, model } of pairs) {
        const read = Buffer.alloc(model.length);
        image.read(0, read);
        expect(read.equals(model)).toBe(true);
      }
      for (const a of pairs) {
        for (const b of pairs) {
          expect(a.image.digest() === b.image.digest()).toBe(a.model.equals(b.model));
        }
      }
    }),
    { seed: 20_260_103, numRuns: 150 },
  );
});

test('the digest does not depend on the order of writes, and does on their places', () => {
  const [a, b, c] = [startPair().image, startPair().image, startPair().image];
  const [one, two] = [1, 2].map((fill) => new Unit(new Uint8Array(unitBytes).fill(fill)));
  a.writeUnit(3, one!);
  a.writeUnit(150, two!);
  b.writeUnit(150, two!);
  b.writeUnit(3, one!);
  c.writeUnit(3, two!);
  c.writeUnit(150, one!);
  expect(a.digest()).toBe(b.digest());
  expect(a.digest()).not.toBe(c.digest());
});

test('a drive of 64 GiB takes memory only where it is written', () => {
  const image = createImage(
    { logicalBlockBytes: 512, capacityBlocks: 2 ** 27, atomicWriteBlocks: 1 },
    1,
  );
  const last = 2 ** 27 - 1;
  const unit = new Unit(new Uint8Array(512).fill(7));
  image.writeUnit(last, unit);
  expect(image.fork().readUnit(last)).toBe(unit);
  expect(image.writtenUnits()).toEqual([{ index: last, unit }]);
  const target = new Uint8Array(1024);
  image.read(2 ** 36 - 1024, target);
  expect(isForeign(target.subarray(0, 512))).toBe(true);
  expect(target.subarray(512)).toEqual(unit.bytes);
});

test('foreign data is recognised whole, and not when a byte of it is changed', () => {
  const { image } = startPair();
  const bytes = new Uint8Array(4096);
  image.read(0, bytes);
  expect(isForeign(bytes)).toBe(true);
  for (const at of [0, 9, 15, 16, 511, 512, 4095]) {
    const changed = bytes.slice();
    changed[at]! ^= 1;
    expect(isForeign(changed)).toBe(false);
  }
  expect(isForeign(new Uint8Array(512))).toBe(false);
  expect(isForeign(bytes.subarray(0, 100))).toBe(false);
});

test('what one image holds unlike another makes the other one equal to it', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = createRandom(seed);
      const base = startPair();
      for (let step = 0; step < 20; step++) changeSomething(base, random);
      const left = { image: base.image.fork(), model: Buffer.from(base.model) };
      const right = { image: base.image.fork(), model: Buffer.from(base.model) };
      const steps = random.below(12);
      for (let step = 0; step < steps; step++) {
        changeSomething(random.chance(1, 2) ? left : right, random);
      }
      const unlike = left.image.unitsUnlike(right.image);
      expect(unlike.map(({ index }) => index)).toEqual(
        [...new Set(unlike.map(({ index }) => index))].sort((a, b) => a - b),
      );
      // Each step writes 4 units at most: images that share their past share what they do not differ in.
      expect(unlike.length).toBeLessThanOrEqual(4 * steps);
      for (const { index, unit } of unlike) right.image.writeUnit(index, unit);
      const found = Buffer.alloc(unitBytes * unitCount);
      right.image.read(0, found);
      expect(found.equals(left.model)).toBe(true);
    }),
    { seed: 11, numRuns: 300 },
  );
});

test('writing some bytes of a unit leaves the unit itself alone, whatever its bytes are kept in', () => {
  const image = new SparseImage({ unitBytes, unitCount, foreignSeed: 9 });
  const shared = new Unit(Buffer.alloc(unitBytes, 1));
  image.writeUnit(3, shared);
  image.fork().writeBytes(3 * unitBytes + 5, Buffer.alloc(10, 2));
  expect(shared.bytes.every((byte) => byte === 1)).toBe(true);
});
