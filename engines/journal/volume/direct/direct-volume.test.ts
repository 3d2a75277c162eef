import { expect, test } from 'vitest';
import { createRandom } from '../../../../harness/contract/index.ts';
import type { JournalOptions } from '../../config.ts';
import { OutcomeUnknown } from '../../errors.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
  versionOf,
} from '../../twin.fixture.ts';

const none = { ...smallOptions, mode: 'none' } satisfies JournalOptions;

test('a write goes to its place alone, and no record is kept of it', async () => {
  const twin = await formattedTwin(driveGeometry(), none);
  const journal = await open(twin, none);
  expect(await journal.write(3, blockOf(3, 1))).toBe(0);
  const { writtenBytes, userBytes } = journal.counters();
  expect(userBytes).toBe(4096);
  expect(writtenBytes).toMatchObject({ data: 4096, journal: 0, destage: 0 });
  expect(await versionOf(journal, 3)).toBe(1);
});

test('what is written twice at once is one of the two, whole', async () => {
  const twin = await formattedTwin(driveGeometry({ logicalBlockBytes: 512 }), none);
  const journal = await open(twin, none);
  const writes = Array.from({ length: 20 }, (_, version) =>
    journal.write(3, new Uint8Array([...blockOf(3, version + 1), ...blockOf(4, version + 1)])),
  );
  await Promise.all(writes);
  expect(await versionOf(journal, 3)).toBe(20);
  expect(await versionOf(journal, 4)).toBe(20);
});

test('a transaction is refused: nothing would make it all or nothing', async () => {
  const journal = await open(await formattedTwin(driveGeometry(), none), none);
  const change = { block: 1, data: blockOf(1, 1) };
  await expect(journal.transaction([change])).rejects.toMatchObject({ reason: 'incompatible' });
});

test('nothing is flushed but by a flush (@req A5)', async () => {
  const journal = await open(await formattedTwin(driveGeometry(), none), none);
  const before = journal.counters();
  for (let block = 0; block < 20; block++) await journal.write(block, blockOf(block, 1));
  const { flushes, fuaWrites } = journal.counters();
  expect([flushes, fuaWrites]).toEqual([before.flushes, before.fuaWrites]);
  await journal.flush();
  expect(journal.counters().flushes).toBe(before.flushes + 1);
});

test('a write that fails stops the journal, and its outcome is unknown', async () => {
  const twin = await formattedTwin(driveGeometry(), none);
  const journal = await open(twin, none);
  twin.drive.arm(
    {
      fault: 'planned',
      faultClass: 'write-error',
      effect: { kind: 'fail-write', code: 'EIO', landed: 'some' },
      moment: { atOp: 1 },
      times: 1,
    },
    createRandom(1),
  );
  twin.drive.beginWorkload();
  twin.drive.noteOp(1);
  await expect(journal.write(1, blockOf(1, 1))).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect(journal.write(2, blockOf(2, 1))).rejects.toMatchObject({ reason: 'device-error' });
});

test('what was on its way when it is abandoned is unknown', async () => {
  const journal = await open(await formattedTwin(driveGeometry(), none), none);
  const writing = journal.write(1, blockOf(1, 1));
  await journal[Symbol.asyncDispose]();
  await expect(writing).rejects.toBeInstanceOf(OutcomeUnknown);
});

test('a clean close keeps what was written', async () => {
  const twin = await formattedTwin(driveGeometry(), none);
  const journal = await open(twin, none);
  await journal.write(1, blockOf(1, 7));
  await journal.close();
  expect(await versionOf(await open(afterKill(twin), none), 1)).toBe(7);
});

test('mode none: a flush that fails is never made good by the next (fsyncgate)', async () => {
  const twin = await formattedTwin(driveGeometry(), none);
  const journal = await open(twin, none);
  await journal.write(1, blockOf(1, 1));
  twin.drive.arm(
    {
      fault: 'planned',
      faultClass: 'flush-error',
      effect: { kind: 'fail-flush', drops: true },
      moment: { atFlush: 1 },
      times: 1,
    },
    createRandom(1),
  );
  twin.drive.beginWorkload();
  await expect(journal.flush()).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect(journal.flush()).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect(journal.write(2, blockOf(2, 1))).rejects.toMatchObject({ reason: 'device-error' });
});
