import { describe, expect, test } from 'vitest';
import { crc32cOf } from '../../format/crc32c.ts';
import { beginMapPage, mapPageBytes, putMapEntry, sealMapPage } from '../../format/map-page.ts';
import { viewOf } from '../../format/u64.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  readBlock,
  versionOf,
  type Twin,
} from '../../twin.fixture.ts';
import {
  closedTwin,
  firstOfPage1,
  ordered,
  putFreePage,
  reopened,
  superblockOf,
} from './mapped-medium.fixture.ts';

describe('a damaged page of the map', () => {
  async function damagedTwin(): Promise<Twin> {
    const twin = await closedTwin();
    const { map } = superblockOf(twin).layout.extents;
    overwrite(twin, map.byteOffset + mapPageBytes + 500, Uint8Array.of(0xee));
    return twin;
  }
  const refusal = {
    reason: 'corrupt',
    message: expect.stringContaining('page 1 of the block map') as unknown,
  };

  test('refuses reads and writes of its blocks, and no others (@req C3)', async () => {
    const { journal } = await reopened(await damagedTwin());
    const writes = [5, firstOfPage1, 6].map((block) => journal.write(block, blockOf(block, 2)));
    const settled = await Promise.allSettled(writes);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(writes[1]).rejects.toMatchObject(refusal);
    await expect(readBlock(journal, firstOfPage1 + 100)).rejects.toMatchObject(refusal);
    await expect(journal.read(firstOfPage1 - 1, new Uint8Array(8192))).rejects.toMatchObject(
      refusal,
    );
    expect(await versionOf(journal, 6)).toBe(2);
    await journal.flush();
    await expect(journal.checkMap()).rejects.toMatchObject(refusal);
    await journal.close();
  });

  test('refuses the open where the log changes it', async () => {
    const twin = await formattedTwin(driveGeometry(), ordered);
    const journal = await open(twin, ordered);
    await journal.write(firstOfPage1, blockOf(firstOfPage1, 1));
    const killed = afterKill(twin);
    overwrite(killed, journal.layout.extents.map.byteOffset + mapPageBytes + 9, Uint8Array.of(1));
    await expect(open(killed, ordered)).rejects.toMatchObject(refusal);
  });

  test('refuses writes that need places which it alone knows', async () => {
    const twin = await damagedTwin();
    putFreePage(twin, new Uint8Array(4096));
    const { journal } = await reopened(twin);
    await expect(journal.write(3, blockOf(3, 2))).rejects.toMatchObject(refusal);
    await expect(journal.write(4, blockOf(4, 2))).rejects.toMatchObject(refusal);
    expect(await versionOf(journal, 3)).toBe(1);
    await journal.flush();
  });
});

test('two blocks in one place are refused when the whole map is read', async () => {
  const twin = await closedTwin();
  const { layout, identity } = superblockOf(twin);
  const page = new Uint8Array(mapPageBytes);
  beginMapPage(page, { pageNumber: 2, uuid: identity.uuid, checkpointLsn: 1, entryCount: 96 });
  putMapEntry(viewOf(page), 7, { physical: 4, dataDigest: 0, hasDigest: true, lsnLow: 1 });
  sealMapPage(page, crc32cOf(twin.platform));
  overwrite(twin, layout.extents.map.byteOffset + 2 * mapPageBytes, page);
  const { journal } = await reopened(twin);
  expect(await versionOf(journal, 3)).toBe(1);
  await expect(journal.checkMap()).rejects.toMatchObject({
    reason: 'corrupt',
    message: expect.stringContaining('block 511 at place 4') as unknown,
  });
});

test('an entry that names a place which is free is refused', async () => {
  const twin = await closedTwin();
  const { layout, identity } = superblockOf(twin);
  const page = new Uint8Array(mapPageBytes);
  beginMapPage(page, { pageNumber: 2, uuid: identity.uuid, checkpointLsn: 1, entryCount: 96 });
  putMapEntry(viewOf(page), 7, { physical: 600, dataDigest: 0, hasDigest: true, lsnLow: 1 });
  sealMapPage(page, crc32cOf(twin.platform));
  overwrite(twin, layout.extents.map.byteOffset + 2 * mapPageBytes, page);
  const { journal } = await reopened(twin);
  await expect(readBlock(journal, 511)).rejects.toMatchObject({
    reason: 'corrupt',
    message: expect.stringContaining('block 511 at place 600, which is outside') as unknown,
  });
});
