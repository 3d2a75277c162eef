import { expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import { createImage } from '../../harness/drive/image.ts';
import { SimDrive } from '../../harness/drive/sim-drive.ts';
import { formatJournal } from './format-journal.ts';
import { openJournal, type Journal } from './journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  readBlock,
  smallOptions,
  twinOn,
  versionOf,
} from './twin.fixture.ts';

const drives = [
  { name: 'FUA, 4096-byte LBA', change: {} },
  { name: 'FUA, 512-byte LBA', change: { logicalBlockBytes: 512 } },
  { name: 'flush, 4096-byte LBA', change: { supportsFua: false } },
  { name: 'flush, 512-byte LBA', change: { supportsFua: false, logicalBlockBytes: 512 } },
  { name: 'no cache, 512-byte LBA', change: { writeCache: 'none', logicalBlockBytes: 512 } },
] as const;

const sizes = [
  { name: '64 pages', options: smallOptions },
  {
    name: '32 pages',
    options: { ...smallOptions, ringPages: 32, segmentPages: 8, batchPagesMax: 2, windowPages: 8 },
  },
] as const;

test.each(drives.flatMap((drive) => sizes.map((size) => ({ drive, size }))))(
  'a volume keeps what was acknowledged over many laps and kills: $drive.name, ring of $size.name (@req A1, A3, C6)',
  async ({ drive, size }) => {
    const random = createRandom(drive.name).fork(size.name);
    let twin = await formattedTwin(driveGeometry(drive.change), size.options);
    let journal = await open(twin, size.options);
    const model = new Map<number, number>();
    for (let round = 1; round <= 60; round++) {
      await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const version = round * 10 + index;
          const block = random.below(64);
          model.set(block, version);
          await journal.write(block, blockOf(block, version));
        }),
      );
      if (random.chance(1, 6)) {
        twin = afterKill(twin, round);
        journal = await open(twin, size.options);
      }
    }
    for (const [block, version] of model) expect(await versionOf(journal, block)).toBe(version);
    expect(await lastLsnOf(journal)).toBeGreaterThan(360);
  },
);

async function lastLsnOf(journal: Journal): Promise<number> {
  return journal.write(0, blockOf(0, 1));
}

test('a transaction larger than a batch takes effect as a whole (@req B1, B2, B3)', async () => {
  let twin = await formattedTwin();
  let journal = await open(twin);
  const changes = Array.from({ length: 12 }, (_, index) => ({
    block: index * 5,
    data: blockOf(index * 5, 9),
  }));
  await journal.transaction(changes);
  twin = afterKill(twin);
  journal = await open(twin);
  for (const { block } of changes) expect(await versionOf(journal, block)).toBe(9);
});

test('a write of many blocks takes effect as a whole, also when it is larger than a batch', async () => {
  let twin = await formattedTwin();
  const bytes = new Uint8Array(14 * 4096);
  for (let index = 0; index < 14; index++) bytes.set(blockOf(20 + index, 4), index * 4096);
  await (await open(twin)).write(20, bytes);
  twin = afterKill(twin);
  const journal = await open(twin);
  for (let block = 20; block < 34; block++) expect(await versionOf(journal, block)).toBe(4);
});

test('a payload is taken when the call returns: changing it afterwards changes nothing', async () => {
  const journal = await open(await formattedTwin());
  const bytes = blockOf(3, 1);
  const written = journal.write(3, bytes);
  bytes.fill(0xff);
  await written;
  expect(await versionOf(journal, 3)).toBe(1);
});

test('LSNs rise by one within an epoch and never come back after a kill (I4, @req C9)', async () => {
  let twin = await formattedTwin();
  const lsns: number[] = [];
  for (let epoch = 0; epoch < 4; epoch++) {
    const journal = await open(twin);
    const appended = Array.from({ length: 5 }, (_, index) =>
      journal.append(0x8001, 7, 3, Uint8Array.of(epoch, index)),
    );
    const given = await Promise.all(appended);
    given.slice(1).forEach((lsn, index) => {
      expect(lsn).toBe(given[index]! + 1);
    });
    lsns.push(...given);
    twin = afterKill(twin, epoch);
  }
  expect(lsns).toEqual([...lsns].sort((a, b) => a - b));
  expect(new Set(lsns).size).toBe(20);
});

test('appended records stay over any number of opens, until they are released', async () => {
  let twin = await formattedTwin();
  let journal = await open(twin);
  const first = await journal.append(0x8001, 7, 3, Uint8Array.of(1));
  await journal.append(0x0201, 8, 4, Uint8Array.of(2));
  for (let opens = 0; opens < 40; opens++) {
    await journal.write(opens, blockOf(opens, 5));
    if (opens % 3 === 0) await journal.close();
    twin = afterKill(twin, opens);
    journal = await open(twin);
    const records = await recordsOf(journal);
    expect(records.map(({ payload }) => payload[0])).toEqual([1, 2]);
    expect(records[1]).toMatchObject({ type: 0x0201, tenant: 8, vshard: 4 });
    if (opens === 15) break;
  }
  for (let block = 0; block < 16; block++) expect(await versionOf(journal, block)).toBe(5);
  journal.release(first);
  expect((await recordsOf(journal)).map(({ payload }) => payload[0])).toEqual([2]);
  await journal.close();
  journal = await open(afterKill(twin, 99));
  expect((await recordsOf(journal)).map(({ payload }) => payload[0])).toEqual([2]);
});

async function recordsOf(journal: Journal, fromLsn = 0) {
  const records = [];
  for await (const record of journal.replay(fromLsn)) records.push(record);
  return records;
}

test('replay begins at the LSN that is asked for (@req C9)', async () => {
  const journal = await open(await formattedTwin());
  const lsns = [];
  for (let index = 0; index < 4; index++) {
    lsns.push(await journal.append(1, 0, 0, Uint8Array.of(index)));
  }
  expect((await recordsOf(journal, lsns[2])).map(({ lsn }) => lsn)).toEqual(lsns.slice(2));
});

test('what a replay has begun to read stays as it was, released and followed by much else', async () => {
  const journal = await open(await formattedTwin());
  const append = (index: number): Promise<number> =>
    journal.append(1, 0, 0, new Uint8Array(3000).fill(index % 251));
  let last = 0;
  for (let index = 0; index < 20; index++) last = await append(index);
  const replay = journal.replay();
  expect((await replay.next()).value?.payload[0]).toBe(0);
  for (let index = 20; index < 300; index++) {
    journal.release(last);
    last = await append(index);
  }
  const read: number[] = [];
  for await (const { payload } of replay) read.push(payload[0]!);
  expect(read).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
  expect((await recordsOf(journal)).map(({ payload }) => payload[0])).toEqual([299 - 251]);
});

test('a ring full of appended records rejects before an LSN is given, and goes on after a release', async () => {
  const journal = await open(await formattedTwin());
  const payload = new Uint8Array(3000);
  let last = 0;
  let refused: unknown;
  for (let count = 0; count < 100 && refused === undefined; count++) {
    try {
      last = await journal.append(1, 0, 0, payload);
    } catch (error) {
      refused = error;
    }
  }
  expect(refused).toMatchObject({ name: 'EngineRefusal', reason: 'full' });
  expect(last).toBeGreaterThan(50);
  journal.release(last - 20);
  expect(await journal.append(1, 0, 0, payload)).toBeLessThanOrEqual(last + 3);
});

test('writers wait for space in a full ring, in order, and none is refused (@req B13)', async () => {
  const journal = await open(await formattedTwin());
  const settled: number[] = [];
  await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      await journal.write(index % 64, blockOf(index % 64, index + 1));
      settled.push(index);
    }),
  );
  expect(settled).toEqual(Array.from({ length: 400 }, (_, index) => index));
});

test('what would overflow the queue is rejected, and the rest goes on', async () => {
  const options = { ...smallOptions, transactionBytesMax: 8192, queueBytesMax: 50_000 };
  const journal = await open(await formattedTwin(driveGeometry(), options), options);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, (_, block) => journal.write(block, blockOf(block, 1))),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(10);
  expect(refused[0]).toMatchObject({ reason: { name: 'EngineRefusal', reason: 'full' } });
  await journal.flush();
  expect(await versionOf(journal, 0)).toBe(1);
});

test.each([
  ['a block outside the volume', (journal: Journal) => journal.write(64, blockOf(64, 1))],
  ['half a block', (journal: Journal) => journal.write(0, new Uint8Array(100))],
  [
    'a record type of the engine´s own',
    (journal: Journal) => journal.append(0x8100, 0, 0, new Uint8Array(1)),
  ],
  ['an encrypted record', (journal: Journal) => journal.append(0x4001, 0, 0, new Uint8Array(1))],
  [
    'a payload larger than a batch',
    (journal: Journal) => journal.append(1, 0, 0, new Uint8Array(20_000)),
  ],
  [
    'a write larger than a transaction may be',
    (journal: Journal) => journal.write(0, new Uint8Array(17 * 4096)),
  ],
])('%s is refused and takes no LSN', async (_, submit) => {
  const journal = await open(await formattedTwin());
  const before = await journal.write(0, blockOf(0, 1));
  await expect(submit(journal)).rejects.toThrow(/expected/);
  expect(await journal.write(0, blockOf(0, 2))).toBe(before + 1);
});

test('a clean close leaves nothing to replay (I22)', async () => {
  let twin = await formattedTwin();
  let journal = await open(twin);
  for (let block = 0; block < 20; block++) await journal.write(block, blockOf(block, 2));
  await journal.close();
  await expect(journal.write(0, blockOf(0, 3))).rejects.toMatchObject({ reason: 'closed' });
  twin = afterKill(twin);
  journal = await open(twin);
  expect(journal.recovery).toMatchObject({ recordsReplayed: 0, blocksWritten: 0 });
  for (let block = 0; block < 20; block++) expect(await versionOf(journal, block)).toBe(2);
});

test('abandoning writes and flushes nothing more', async () => {
  const twin = await formattedTwin();
  const journal = await open(twin);
  const written = journal.write(1, blockOf(1, 1));
  const outcome = expect(written).rejects.toMatchObject({ name: 'OutcomeUnknown' });
  await Promise.resolve();
  await journal[Symbol.asyncDispose]();
  const { writes, flushes } = twin.drive.counters;
  await outcome;
  await twin.timeline.whenIdle();
  expect(twin.drive.counters).toMatchObject({ writes, flushes });
});

test('data may lie on a device of its own, and on no other', async () => {
  const geometry = driveGeometry();
  const random = createRandom(1);
  const twin = twinOn(createImage(geometry, 1), geometry, random);
  const drive = (seed: number): SimDrive =>
    new SimDrive({
      name: `data ${seed}`,
      device: seed,
      timeline: twin.timeline,
      geometry: driveGeometry({ logicalBlockBytes: 512 }),
      image: createImage(driveGeometry({ logicalBlockBytes: 512 }), seed),
      random: random.fork(`data-${seed}`),
    });
  const devices = { journal: twin.drive, data: drive(1) };
  await formatJournal(devices, smallOptions, twin.platform);
  const journal = await openJournal(devices, smallOptions, twin.platform);
  for (let index = 0; index < 100; index++)
    await journal.write(index % 50, blockOf(index % 50, index));
  await journal[Symbol.asyncDispose]();
  const again = await openJournal(devices, smallOptions, twin.platform);
  for (let block = 0; block < 50; block++) expect(await versionOf(again, block)).toBe(block + 50);
  await again[Symbol.asyncDispose]();
  const strange = { journal: twin.drive, data: drive(2) };
  await expect(openJournal(strange, smallOptions, twin.platform)).rejects.toMatchObject({
    reason: 'incompatible',
  });
  await expect(
    openJournal({ journal: twin.drive }, smallOptions, twin.platform),
  ).rejects.toMatchObject({ reason: 'incompatible' });
});

test('reads serve only what is acknowledged', async () => {
  const journal = await open(await formattedTwin());
  await journal.write(5, blockOf(5, 1));
  let isAcknowledged = false as boolean;
  const second = journal.write(5, blockOf(5, 2)).then(() => {
    isAcknowledged = true;
  });
  const seen = await versionOf(journal, 5);
  expect(seen).toBe(isAcknowledged ? 2 : 1);
  await second;
  expect(await versionOf(journal, 5)).toBe(2);
});

test('reads stay right while blocks are being destaged', async () => {
  const twin = await formattedTwin();
  const journal = await open(twin);
  const acknowledged = new Map<number, number>();
  let isDone = false as boolean;
  const reader = (async () => {
    const random = createRandom(8);
    while (!isDone) {
      const block = random.below(16);
      const before = acknowledged.get(block) ?? 0;
      const target = await readBlock(journal, block);
      const version = new Uint32Array(target.buffer)[1]!;
      if (before > 0) expect(version).toBeGreaterThanOrEqual(before);
      await new Promise<void>((resolve) => {
        twin.timeline.after(5_000, resolve);
      });
    }
  })();
  for (let version = 1; version <= 300; version++) {
    const block = (version * 7) % 16;
    await journal.write(block, blockOf(block, version));
    acknowledged.set(block, version);
  }
  isDone = true;
  await reader;
});

test('the bytes written are counted by purpose, and add up to what the drive received', async () => {
  const twin = await formattedTwin();
  const { bytesWritten } = twin.drive.counters;
  const journal = await open(twin);
  for (let index = 0; index < 200; index++) await journal.write(index % 64, blockOf(index % 64, 1));
  await journal.close();
  const { writtenBytes, userBytes, flushes, fuaWrites } = journal.counters();
  const total = Object.values(writtenBytes).reduce((sum, byteCount) => sum + byteCount, 0);
  expect(total).toBe(twin.drive.counters.bytesWritten - bytesWritten);
  expect(userBytes).toBe(200 * 4096);
  expect(flushes).toBeGreaterThan(0);
  expect(fuaWrites).toBeGreaterThan(200);
});

test('many writes at once go out in few batches (@req C4, B7)', async () => {
  const twin = await formattedTwin();
  const journal = await open(twin);
  const { writes } = twin.drive.counters;
  await Promise.all(
    Array.from({ length: 100 }, (_, index) => journal.append(1, 0, 0, Uint8Array.of(index))),
  );
  expect(twin.drive.counters.writes - writes).toBeLessThanOrEqual(3);
});

test('an idle log sends one watermark page 1 ms after the last acknowledgement, and no more', async () => {
  const twin = await formattedTwin();
  const journal = await open(twin);
  await journal.write(1, blockOf(1, 1));
  await twin.timeline.whenIdle();
  expect(journal.counters().writtenBytes['watermark']).toBeGreaterThan(0);
  const { writes } = twin.drive.counters;
  await twin.timeline.whenIdle();
  expect(twin.drive.counters.writes).toBe(writes);
});
