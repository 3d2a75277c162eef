import { describe, expect, test } from 'vitest';
import { OutcomeUnknown } from '../../errors.ts';
import { crc32cOf } from '../../format/crc32c.ts';
import type { FreePage } from '../../format/free-page.ts';
import { superblockSlots } from '../../format/layout.ts';
import { mapBytesFor, mapPageBytes } from '../../format/map-page.ts';
import { encodeSuperblock } from '../../format/superblock.ts';
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
} from '../../twin.fixture.ts';
import { BlockMap } from './block-map.ts';
import { FreeSpace } from './free-space.ts';
import {
  closedTwin,
  firstOfPage1,
  firstRunOf,
  freePageOf,
  ordered,
  putFreePage,
  reopened,
  superblockOf,
  writeAll,
  type Opened,
} from './mapped-medium.fixture.ts';

async function requestsOf({ twin }: Opened, use: () => Promise<unknown>): Promise<number> {
  const before = twin.drive.counters.requests;
  await use();
  return twin.drive.counters.requests - before;
}

/** Writes over half of what there is, kills, and looks at all of it. Version 2 is on the medium. */
async function expectNothingLost(twin: Twin): Promise<void> {
  const { journal } = await reopened(twin);
  await writeAll(journal, 10, 3);
  for (let block = 0; block < 10; block++) expect(await versionOf(journal, block)).toBe(3);
  for (let block = 10; block < 20; block++) expect(await versionOf(journal, block)).toBe(2);
  const again = await open(afterKill(twin), ordered);
  for (let block = 0; block < 20; block++) {
    expect(await versionOf(again, block)).toBe(block < 10 ? 3 : 2);
  }
  await again.checkMap();
}

describe('a page of free places', () => {
  test('gives a write its place: of the map only the page of its block is read (@req B5)', async () => {
    const opened = await reopened(await closedTwin());
    const ofFirst = await requestsOf(opened, () => opened.journal.write(3, blockOf(3, 2)));
    const ofSecond = await requestsOf(opened, () => opened.journal.write(3, blockOf(3, 3)));
    expect(ofFirst).toBe(ofSecond + 1);
  });

  test.each([
    ['is an older version of itself', (_: Twin, before: Uint8Array) => before],
    ['has rotted', (twin: Twin) => freePageOf(twin).fill(0, 64, 65)],
    [
      'is newer than the log',
      () => ({ checkpointLsn: 10_000, runs: [{ start: 0, count: 600 }] }) satisfies FreePage,
    ],
    ['was never written', () => new Uint8Array(4096)],
  ] as const)('that %s is not relied on (@req C3)', async (_, planted) => {
    const twin = await closedTwin();
    const before = freePageOf(twin);
    const journal = await open(twin, ordered);
    await writeAll(journal, 20, 2);
    await journal.close();
    const damaged = afterKill(twin);
    putFreePage(damaged, planted(damaged, before));
    await expectNothingLost(damaged);
  });

  test('of which the log has taken places since does not give them out again', async () => {
    const twin = await closedTwin();
    const journal = await open(twin, ordered);
    await writeAll(journal, 20, 2);
    await expectNothingLost(afterKill(twin));
  });

  test('is not there in a journal of an earlier make: the map says it all', async () => {
    const twin = await formattedTwin(driveGeometry(), ordered);
    const { layout, ...rest } = superblockOf(twin);
    const extents = {
      ...layout.extents,
      map: { ...layout.extents.map, byteCount: mapBytesFor(ordered.dataBlocks) },
    };
    const earlier = { ...rest, layout: { ...layout, extents }, freePageLsn: 0 };
    const mark = new Uint8Array(4096).fill(0x77);
    putFreePage(twin, mark);
    const bytes = new Uint8Array(4096);
    for (const [slot, byteOffset] of superblockSlots(twin.drive.geometry).entries()) {
      const sequence = earlier.sequence - (slot % 2 === 0 ? 1 : 0);
      encodeSuperblock({ ...earlier, sequence }, bytes, crc32cOf(twin.platform));
      overwrite(twin, byteOffset, bytes);
    }
    const journal = await open(twin, ordered);
    await writeAll(journal, 20, 1);
    await journal.close();
    const again = await open(twin, ordered);
    await writeAll(again, 20, 2);
    await again.close();
    const found = new Uint8Array(4096);
    twin.drive.image.read(layout.extents.map.byteOffset + mapBytesFor(600), found);
    expect(found).toEqual(mark);
    await expectNothingLost(afterKill(twin));
  });
});

test('a volume that runs out of known places reads its map once', async () => {
  const twin = await closedTwin();
  putFreePage(twin, { checkpointLsn: superblockOf(twin).freePageLsn, runs: [] });
  const opened = await reopened(twin);
  const write = (version: number): Promise<unknown> =>
    Promise.all([0, 1, 2].map((block) => opened.journal.write(block, blockOf(block, version))));
  const ofFirst = await requestsOf(opened, () => write(2));
  const ofSecond = await requestsOf(opened, () => write(3));
  expect(ofFirst).toBe(ofSecond + 2);
  await opened.journal.checkMap();
  for (let block = 0; block < 20; block++) {
    expect(await versionOf(opened.journal, block)).toBe(block < 3 ? 3 : 1);
  }
});

test('a place on its way into the map is not found free while the map is read', async () => {
  const few = { ...smallOptions, mode: 'ordered', dataBlocks: 8, spareBlocks: 4 } as const;
  const twin = await closedTwin(8, few);
  const { start } = firstRunOf(twin);
  const { freePageLsn } = superblockOf(twin);
  putFreePage(twin, { checkpointLsn: freePageLsn, runs: [{ start, count: 1 }] });
  const journal = await open(twin, few);
  const blocks = [0, 1, 2, 3, 4, 5, 6, 7];
  await Promise.all(blocks.map((block) => journal.write(block, blockOf(block, 2))));
  await journal.checkMap();
  for (const block of blocks) expect(await versionOf(journal, block)).toBe(2);
});

test('a place that is asked for while the map is read is not given out twice', async () => {
  const { journal } = await reopened(await closedTwin());
  await writeAll(journal, 20, 2);
  const checking = journal.checkMap();
  await Promise.all(
    Array.from({ length: 20 }, (_, block) => journal.write(block, blockOf(block, 3))),
  );
  await checking;
  // More versions than there are places, so that each one that counts as free has its turn.
  for (let version = 1; version <= 700; version++) await journal.write(500, blockOf(500, version));
  for (let block = 0; block < 20; block++) expect(await versionOf(journal, block)).toBe(3);
});

test('changes whose pages are not there yet take effect in the order of submission', async () => {
  const { twin, journal } = await reopened(await closedTwin());
  const order: number[] = [];
  const blocks = [firstOfPage1, 0, firstOfPage1, 520, 0, firstOfPage1];
  const writes = blocks.map(async (block, index) => {
    await journal.write(block, blockOf(block, 10 + index));
    order.push(index);
  });
  await journal.flush();
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  await Promise.all(writes);
  const again = await open(afterKill(twin), ordered);
  expect(await versionOf(again, firstOfPage1)).toBe(15);
  expect(await versionOf(again, 0)).toBe(14);
});

test('a change that waits for its page is unknown when the journal is abandoned', async () => {
  const { journal } = await reopened(await closedTwin());
  const writing = journal.write(firstOfPage1, blockOf(firstOfPage1, 1));
  await Promise.resolve();
  await journal[Symbol.asyncDispose]();
  await expect(writing).rejects.toBeInstanceOf(OutcomeUnknown);
});

test('map and free places take memory for what was needed, and not for the volume (@req B5)', () => {
  const placeCount = 2 ** 36;
  const map = new BlockMap({
    dataBlocks: placeCount,
    uuid: new Uint8Array(16),
    hasDigests: true,
    crc32c: () => 0,
  });
  const free = new FreeSpace(placeCount);
  free.addRun({ start: placeCount - 300, count: 300 });
  map.loadPage(3 * 10 ** 6, new Uint8Array(mapPageBytes));
  expect(map.loadedPages).toBe(1);
  expect([...free.take(2)!]).toEqual([placeCount - 300, placeCount - 299]);
});
