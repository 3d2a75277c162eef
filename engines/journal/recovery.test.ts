import { crc32c } from '@node-rs/crc32';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import { superblockSlots } from './format/layout.ts';
import { pageAt } from './format/page.ts';
import { decodeSuperblock, superblockBytes, type Superblock } from './format/superblock.ts';
import { viewOf } from './format/u64.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  versionOf,
  type Twin,
} from './twin.fixture.ts';

const pageBytes = 4096;

const quiet = { ...smallOptions, idleWatermark: false };
const ringAt = 2 ** 20;

interface Written {
  readonly twin: Twin;
  /** Pages of the ring that the acknowledged writes take, from slot 0. */
  readonly pageCount: number;
  readonly versions: ReadonlyMap<number, number>;
}

/** A journal in its first lap, nothing destaged: its log begins at slot 0. */
async function written(logicalBlockBytes: number, count = 12): Promise<Written> {
  const twin = await formattedTwin(driveGeometry({ logicalBlockBytes }), quiet);
  const journal = await open(twin, quiet);
  const versions = new Map<number, number>();
  for (let block = 0; block < count; block++) {
    await journal.write(block, blockOf(block, block + 1));
    versions.set(block, block + 1);
  }
  const { journal: bytes = 0, padding = 0 } = journal.counters().writtenBytes;
  const killed = afterKill(twin);
  return { twin: killed, pageCount: (bytes + padding) / pageBytes, versions };
}

function ringOf({ drive }: Twin): Uint8Array {
  const ring = new Uint8Array(64 * pageBytes);
  drive.image.read(ringAt, ring);
  return ring;
}

async function refusal(twin: Twin): Promise<unknown> {
  return open(twin, quiet).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

describe.each([4096, 512])('with logical blocks of %i bytes', (logicalBlockBytes) => {
  test('one flipped bit in any page of the acknowledged log is reported, also in the last (I10, @req C3, C8)', async () => {
    const { twin, pageCount } = await written(logicalBlockBytes);
    const random = createRandom(logicalBlockBytes);
    expect(pageCount).toBeGreaterThanOrEqual(24);
    for (let page = 0; page < pageCount; page++) {
      for (let draw = 0; draw < 4; draw++) {
        const rotten = afterKill(twin);
        const ring = ringOf(rotten);
        const at = page * pageBytes + random.below(draw < 2 ? 64 : pageBytes);
        overwrite(rotten, ringAt + page * pageBytes, rot(ring, page, at, random.below(8)));
        expect(await refusal(rotten), `page ${page}, byte ${at}`).toMatchObject({
          reason: 'corrupt',
        });
      }
    }
  });

  test('an acknowledged page that was never written is missed once a later one says so (R1, I12)', async () => {
    const { twin, pageCount } = await written(logicalBlockBytes);
    const empty = ringOf(await formattedTwin(driveGeometry({ logicalBlockBytes }), quiet));
    for (let page = 0; page < pageCount - 2; page++) {
      const lost = afterKill(twin);
      overwrite(lost, ringAt + page * pageBytes, pageOf(empty, page));
      expect(await refusal(lost), `page ${page}`).toMatchObject({
        reason: 'corrupt',
        message: expect.stringMatching(
          /LSN \d+ to \d+ were durable and are missing \(rule R[12]\)/,
        ) as string,
      });
    }
  });

  test('a page at a slot that is not its own is refused (I25)', async () => {
    const { twin } = await written(logicalBlockBytes);
    const misplaced = afterKill(twin);
    overwrite(misplaced, ringAt + 50 * pageBytes, pageOf(ringOf(twin), 5));
    expect(await refusal(misplaced)).toMatchObject({
      reason: 'corrupt',
      message: expect.stringContaining('(rule place)') as string,
    });
  });

  test('any copy of the superblock, or the whole newest pair, may be lost (I26, R7)', async () => {
    // Enough for the tail to have moved and the ring to have been written over behind it.
    for (const count of [1, 12, 30, 45, 60]) {
      const { twin, versions } = await written(logicalBlockBytes, count);
      const newest = newestSlot(twin);
      for (const lost of [[0], [1], [2], [3], [newest, newest + 2]]) {
        const damaged = withoutSuperblocks(twin, lost);
        const journal = await open(damaged, quiet);
        for (const [block, version] of versions) {
          expect(await versionOf(journal, block), `without ${lost.join()}`).toBe(version);
        }
      }
    }
  });

  test('a superblock that fell back over many laps is rebuilt from the ring (R7)', async () => {
    const twin = await formattedTwin(driveGeometry({ logicalBlockBytes }), quiet);
    let journal = await open(twin, quiet);
    const old = superblockImages(twin);
    for (let index = 1; index <= 300; index++) {
      await journal.write(index % 50, blockOf(index % 50, index));
    }
    const fallen = afterKill(twin);
    old.forEach((bytes, slot) => {
      overwrite(fallen, superblockSlots(twin.drive.geometry)[slot]!, bytes);
    });
    journal = await open(fallen, quiet);
    expect(journal.recovery.note).toContain('R7');
    for (let index = 251; index <= 300; index++) {
      expect(await versionOf(journal, index % 50)).toBe(index);
    }
  });

  test('a superblock older than the epoch is rebuilt, or refused where the start of it is lost (R7)', async () => {
    const twin = await formattedTwin(driveGeometry({ logicalBlockBytes }), quiet);
    const old = superblockImages(twin);
    const journal = await open(twin, quiet);
    for (let block = 0; block < 6; block++) await journal.write(block, blockOf(block, 3));
    const fallen = afterKill(twin);
    old.forEach((bytes, slot) => {
      overwrite(fallen, superblockSlots(twin.drive.geometry)[slot]!, bytes);
    });
    const lost = afterKill(fallen);
    const empty = ringOf(await formattedTwin(driveGeometry({ logicalBlockBytes }), quiet));
    overwrite(lost, ringAt, pageOf(empty, 0));
    expect(await refusal(lost)).toMatchObject({
      reason: 'corrupt',
      message: expect.stringContaining('(rule R7)') as string,
    });
    const again = await open(afterKill(fallen), quiet);
    for (let block = 0; block < 6; block++) expect(await versionOf(again, block)).toBe(3);
  });
});

test('a drive that was never formatted, one that lost every superblock and one of a newer format are told apart (I19)', async () => {
  const { twin } = await written(4096);
  const never = afterKill(twin);
  const damaged = afterKill(twin);
  const newer = afterKill(twin);
  superblockImages(twin).forEach((bytes, slot) => {
    const at = superblockSlots(twin.drive.geometry)[slot]!;
    overwrite(never, at, new Uint8Array(superblockBytes));
    overwrite(damaged, at, rot(bytes.slice(), 0, 300, 1));
    const view = viewOf(bytes);
    view.setUint16(4, 2, true);
    view.setUint32(4092, crc32c(bytes.subarray(0, 4092)), true);
    overwrite(newer, at, bytes);
  });
  expect(await refusal(never)).toMatchObject({ reason: 'not-formatted' });
  expect(await refusal(damaged)).toMatchObject({ reason: 'corrupt' });
  expect(await refusal(newer)).toMatchObject({ reason: 'incompatible' });
});

test('an unreadable page of the log is a device error, one behind it does not matter (@req C8)', async () => {
  for (const [page, expected] of [
    [3, 'device-error'],
    [60, 'opened'],
  ] as const) {
    const { twin } = await written(512);
    twin.drive.arm(
      {
        fault: 'unreadable',
        faultClass: 'read-error',
        effect: { kind: 'fail-read', sticky: true },
        moment: { atNs: 0 },
        times: 1,
        within: { byteOffset: ringAt + page * pageBytes, byteCount: 512 },
      },
      createRandom(1),
    );
    twin.drive.beginWorkload();
    const outcome = await refusal(twin);
    if (expected === 'opened') expect(outcome).toBe('opened');
    else expect(outcome).toMatchObject({ reason: expected });
  }
});

test('a payload that looks like pages and records is never taken for any (I17)', async () => {
  const { twin } = await written(4096);
  const journal = await open(twin, quiet);
  const image = ringOf(twin);
  for (let page = 0; page < 8; page++) await journal.write(40 + page, pageOf(image, page));
  const again = await open(afterKill(twin), quiet);
  for (let page = 0; page < 8; page++) {
    const target = new Uint8Array(pageBytes);
    await again.read(40 + page, target);
    expect(target).toEqual(pageOf(image, page));
  }
  for (let block = 0; block < 12; block++) expect(await versionOf(again, block)).toBe(block + 1);
});

test('what was rolled back never returns: pages of a dead epoch are not replayed (I2, I16)', async () => {
  const { twin, pageCount } = await written(4096);
  // The last write was never acknowledged: its first page is missing, its second is there.
  const before = ringOf(twin);
  const empty = ringOf(await formattedTwin(driveGeometry(), quiet));
  const torn = afterKill(twin);
  overwrite(torn, ringAt + (pageCount - 2) * pageBytes, pageOf(empty, pageCount - 2));
  const journal = await open(torn, quiet);
  await journal.write(11, blockOf(11, 99));
  // The lost page comes back, one batch later in the log than the new epoch has written.
  const haunted = afterKill(torn);
  const ghostAt = pageCount;
  overwrite(haunted, ringAt + ghostAt * pageBytes, pageOf(before, pageCount - 2));
  const outcome = await refusal(haunted);
  expect(outcome).toMatchObject({ reason: 'corrupt' });
  expect(await versionOf(await open(afterKill(torn), quiet), 11)).toBe(99);
});

test('a stale ring of the lap before is never replayed (I16)', async () => {
  const { twin } = await written(4096, 60);
  const journal = await open(twin, quiet);
  await journal.close();
  const closed = await open(afterKill(twin), quiet);
  expect(closed.recovery).toMatchObject({ recordsReplayed: 0 });
  for (let block = 0; block < 60; block++) expect(await versionOf(closed, block)).toBe(block + 1);
});

test('a recovery that is cut short anywhere comes to the same when it is repeated (I9, @req B12)', async () => {
  const { twin, versions } = await written(512, 20);
  const whole = afterKill(twin);
  await open(whole, quiet);
  const requests = whole.drive.counters.requests;
  for (let cut = 1; cut <= requests; cut++) {
    const first = afterKill(twin);
    let count = 0;
    const limited = new Proxy(first.drive, {
      get(drive, name) {
        const member = Reflect.get(drive, name, drive) as unknown;
        if (typeof member !== 'function') return member;
        return (...given: unknown[]): unknown => {
          if (['read', 'write', 'flush'].includes(String(name)) && ++count > cut) {
            return Promise.reject(new Error('power is gone'));
          }
          return (member as (...args: unknown[]) => unknown).apply(drive, given);
        };
      },
    });
    await open({ ...first, drive: limited }, quiet).catch(() => undefined);
    await first.timeline.whenIdle();
    const journal = await open(afterKill(first), quiet);
    for (const [block, version] of versions) expect(await versionOf(journal, block)).toBe(version);
  }
});

function rot(ring: Uint8Array, page: number, at: number, bit: number): Uint8Array {
  ring[at]! ^= 1 << bit;
  return pageOf(ring, page);
}

function pageOf(ring: Uint8Array, page: number): Uint8Array {
  return ring.subarray(page * pageBytes, (page + 1) * pageBytes);
}

function superblockAt({ drive }: Twin, slot: number): Superblock | undefined {
  const bytes = new Uint8Array(superblockBytes);
  drive.image.read(superblockSlots(drive.geometry)[slot]!, bytes);
  const contents = decodeSuperblock(bytes, crc32c);
  return contents.kind === 'valid' ? contents.superblock : undefined;
}

function superblockImages({ drive }: Twin): Uint8Array[] {
  return superblockSlots(drive.geometry).map((byteOffset) => {
    const bytes = new Uint8Array(superblockBytes);
    drive.image.read(byteOffset, bytes);
    return bytes;
  });
}

function withoutSuperblocks(twin: Twin, slots: readonly number[]): Twin {
  const damaged = afterKill(twin);
  for (const slot of slots) {
    const at = superblockSlots(twin.drive.geometry)[slot]!;
    overwrite(damaged, at, new Uint8Array(superblockBytes));
  }
  return damaged;
}

function newestSlot(twin: Twin): number {
  const sequences = [0, 1].map((slot) => superblockAt(twin, slot)?.sequence ?? -1);
  return sequences[0]! > sequences[1]! ? 0 : 1;
}

test('a whole page of a newer format is refused as such, and is not the end of the log (I19)', async () => {
  const { twin } = await written(4096);
  const page = pageOf(ringOf(twin), 7).slice();
  const view = viewOf(page);
  view.setUint16(pageAt.format, 2, true);
  view.setUint32(pageAt.crc, 0, true);
  const { identity } = newestSuperblock(twin);
  const salted = new Uint8Array(20);
  salted.set(identity.uuid);
  viewOf(salted).setUint32(16, identity.salt, true);
  view.setUint32(pageAt.crc, crc32c(page, crc32c(salted)), true);
  overwrite(twin, ringAt + 7 * pageBytes, page);
  expect(await refusal(twin)).toMatchObject({
    reason: 'incompatible',
    message: expect.stringContaining('format 2, expected 1') as string,
  });
});

function newestSuperblock({ drive }: Twin): Superblock {
  const found = superblockSlots(drive.geometry).flatMap((byteOffset) => {
    const bytes = new Uint8Array(superblockBytes);
    drive.image.read(byteOffset, bytes);
    const contents = decodeSuperblock(bytes, crc32c);
    return contents.kind === 'valid' ? [contents.superblock] : [];
  });
  return found.sort((a, b) => b.sequence - a.sequence)[0]!;
}
