import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  inspectBlock,
  inspectRecord,
  recordBytesMin,
  sectorTags,
  writeRecordStamp,
  writeStamp,
  type StampFields,
} from './block-stamp.ts';

const stamp: StampFields = { seed: 7, block: 3, op: 12, writer: 2, epoch: 1, value: 41.5 };

function blockOf(fields: Partial<StampFields> = {}, byteCount = 4096): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  writeStamp(bytes, { ...stamp, ...fields });
  return bytes;
}

function recordOf(byteCount: number, fields: Partial<StampFields> = {}): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  writeRecordStamp(bytes, { ...stamp, block: 0, ...fields });
  return bytes;
}

describe.each([512, 1024, 4096, 16_384])('a block of %i bytes', (byteCount) => {
  it('says which operation wrote it, and its value', () => {
    expect(inspectBlock(blockOf({}, byteCount), 3, 7)).toEqual({ op: 12, value: 41.5 });
  });

  it('is corrupt when any bit outside its tags is flipped', () => {
    for (const at of [16, 30, 44, 200, byteCount - 1]) {
      const bytes = blockOf({}, byteCount);
      bytes[at]! ^= 4;
      expect(inspectBlock(bytes, 3, 7)).toEqual({ kind: 'corrupt' });
    }
  });

  it('that was meant for another place is misdirected', () => {
    const found = inspectBlock(blockOf({}, byteCount), 4, 7);
    expect(found).toMatchObject({ kind: 'misdirected', stamp: { block: 3, op: 12, epoch: 1 } });
  });

  it('of zeros is zeroed', () => {
    expect(inspectBlock(new Uint8Array(byteCount), 3, 7)).toEqual({ kind: 'zeroed' });
  });

  it('of something else is what was there before', () => {
    const foreign = new Uint8Array(byteCount).fill(0x46);
    expect(inspectBlock(foreign, 3, 7)).toEqual({ op: 0, value: NaN });
  });

  it('of a run with another seed is what was there before', () => {
    expect(inspectBlock(blockOf({ seed: 8 }, byteCount), 3, 7)).toEqual({ op: 0, value: NaN });
  });
});

describe('a torn block', () => {
  it('names the operation of each sector', () => {
    const bytes = blockOf({ op: 12 });
    bytes.set(blockOf({ op: 9 }).subarray(1024, 2048), 1024);
    const found = inspectBlock(bytes, 3, 7);
    expect(found).toEqual({ kind: 'torn', sectorOps: [12, 12, 9, 9, 12, 12, 12, 12] });
  });

  it('has 0 for sectors that the run did not write', () => {
    const bytes = new Uint8Array(4096).fill(0x46);
    bytes.set(blockOf().subarray(0, 512), 0);
    expect(inspectBlock(bytes, 3, 7)).toEqual({
      kind: 'torn',
      sectorOps: [12, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  it('is corrupt when both parts are of one operation, for different blocks', () => {
    const bytes = blockOf({ block: 3 });
    bytes.set(blockOf({ block: 4 }).subarray(2048), 2048);
    expect(inspectBlock(bytes, 3, 7)).toEqual({ kind: 'corrupt' });
  });
});

describe('a record', () => {
  it.each([recordBytesMin, 63, 511, 512, 530, 531, 532, 5000])(
    'of %i bytes says what it is',
    (length) => {
      expect(inspectRecord(recordOf(length), 7)).toEqual({ op: 12, value: 41.5 });
    },
  );

  it('that was cut short is corrupt', () => {
    expect(inspectRecord(recordOf(500).subarray(0, 499), 7)).toEqual({ kind: 'corrupt' });
  });

  it('that mixes two is torn', () => {
    const bytes = recordOf(1200);
    bytes.set(recordOf(1200, { op: 13 }).subarray(512), 512);
    expect(inspectRecord(bytes, 7)).toEqual({ kind: 'torn', sectorOps: [12, 13, 13] });
  });

  it('is no block, nor a block a record', () => {
    expect(inspectBlock(recordOf(512), 0, 7)).toMatchObject({ kind: 'misdirected' });
    expect(inspectRecord(blockOf({}, 512), 7)).toMatchObject({ kind: 'misdirected' });
  });

  it('of no bytes is not of this run', () => {
    expect(inspectRecord(new Uint8Array(0), 7)).toEqual({ op: 0, value: NaN });
  });
});

it('the tags of a stamp are found in it, each in its sector', () => {
  const bytes = Buffer.from(blockOf().buffer);
  const tags = sectorTags(stamp, 4096);
  expect(tags.map((tag) => bytes.indexOf(tag))).toEqual([
    0, 512, 1024, 1536, 2048, 2560, 3072, 3584,
  ]);
});

it('blocks do not compress, alone or together', () => {
  const blocks = Array.from({ length: 32 }, (_, block) => blockOf({ block, op: block + 1 }));
  const bytes = Buffer.concat(blocks);
  expect(gzipSync(bytes).length).toBeGreaterThan(0.9 * bytes.length);
});

it('a block longer than the filler has a stamp as well', () => {
  expect(inspectBlock(blockOf({}, 5 * 2 ** 20), 3, 7)).toEqual({ op: 12, value: 41.5 });
});

it('the same stamp gives the same bytes', () => {
  expect(blockOf()).toEqual(blockOf());
});
