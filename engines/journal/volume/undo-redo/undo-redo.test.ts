import { describe, expect, test } from 'vitest';
import type { JournalOptions } from '../../config.ts';
import type { Journal } from '../../journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  readBlock,
  smallOptions,
  versionOf,
  type Twin,
} from '../../twin.fixture.ts';
import { BlockHeld } from './block-locks.ts';

const options = {
  ...smallOptions,
  mode: 'undo-redo',
  destageStart: 0.3,
  destageStop: 0.1,
} satisfies JournalOptions;
const dataAt = 2 ** 20 + 64 * 4096 + 2 ** 20;

async function opened(): Promise<{ twin: Twin; journal: Journal }> {
  const twin = await formattedTwin(driveGeometry(), options);
  return { twin, journal: await open(twin, options) };
}

function placeOf({ drive }: Twin, block: number): number {
  const bytes = new Uint8Array(4096);
  drive.image.read(dataAt + block * 4096, bytes);
  return new Uint32Array(bytes.buffer)[1]!;
}

/** Fills the ring until it has been swept. */
async function sweep(journal: Journal, from = 40): Promise<void> {
  for (let index = 0; index < 12; index++) {
    await journal.write(from + (index % 8), blockOf(from + (index % 8), 9000 + index));
  }
}

describe('a transaction', () => {
  test('is seen by itself at once, and by others when it is committed (@req B1, B3)', async () => {
    const { journal } = await opened();
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    const own = new Uint8Array(4096);
    await transaction.read(3, own);
    expect(own).toEqual(blockOf(3, 2));
    expect(await versionOf(journal, 3)).toBe(1);
    expect(await transaction.commit()).toBeGreaterThan(0);
    expect(await versionOf(journal, 3)).toBe(2);
  });

  test('leaves nothing behind when it is rolled back (@req B15)', async () => {
    const { twin, journal } = await opened();
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await transaction.abort();
    expect(await versionOf(journal, 3)).toBe(1);
    await journal.write(3, blockOf(3, 4));
    const again = await open(afterKill(twin), options);
    expect(await versionOf(again, 3)).toBe(4);
  });

  test('that is open at a crash is taken back, also where it was written in place (@req B15)', async () => {
    const { twin, journal } = await opened();
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await sweep(journal);
    expect(placeOf(twin, 3)).toBe(2);
    expect(await versionOf(journal, 3)).toBe(1);
    const killed = afterKill(twin);
    const again = await open(killed, options);
    expect(await versionOf(again, 3)).toBe(1);
    expect(placeOf(killed, 3)).toBe(1);
  });

  test('that has been written in place has nothing to write when it commits (no-force)', async () => {
    const { twin, journal } = await opened();
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await sweep(journal);
    await transaction.commit();
    const written = journal.counters().writtenBytes['destage'];
    await journal.close();
    expect(await versionOf(await open(twin, options), 3)).toBe(2);
    // Only the last blocks of the sweep were left to write, and block 3 was not among them.
    expect(journal.counters().writtenBytes['destage']! - written!).toBeLessThanOrEqual(8 * 4096);
  });

  test('that was rolled back after it had been written in place is undone there', async () => {
    const { twin, journal } = await opened();
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await sweep(journal);
    await transaction.abort();
    expect(await versionOf(journal, 3)).toBe(1);
    await journal.close();
    expect(placeOf(twin, 3)).toBe(1);
  });

  test('without `steal` is not written in place before it commits', async () => {
    const { twin } = await opened();
    const journal = await open(twin, { ...options, steal: false });
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await sweep(journal);
    expect(placeOf(twin, 3)).not.toBe(2);
    await transaction.commit();
    expect(await versionOf(journal, 3)).toBe(2);
  });

  test('refuses a block that another holds, and can only be rolled back then', async () => {
    const { journal } = await opened();
    const [one, other] = [journal.begin(), journal.begin()];
    await one.write(3, blockOf(3, 1));
    await expect(other.write(3, blockOf(3, 2))).rejects.toBeInstanceOf(BlockHeld);
    await expect(journal.write(3, blockOf(3, 5))).rejects.toThrow('held by another open');
    await expect(other.commit()).rejects.toThrow('roll it back');
    await other.abort();
    await one.commit();
    expect(await versionOf(journal, 3)).toBe(1);
  });

  test('changes the same block many times and commits the last', async () => {
    const { twin, journal } = await opened();
    const transaction = journal.begin();
    for (let version = 1; version <= 6; version++) {
      await transaction.write(3, blockOf(3, version));
    }
    await transaction.commit();
    expect(await versionOf(await open(afterKill(twin), options), 3)).toBe(6);
  });

  test('that is too large is refused', async () => {
    const { journal } = await opened();
    const transaction = journal.begin();
    const blocks = new Uint8Array(9 * 4096);
    await expect(transaction.write(0, blocks)).rejects.toMatchObject({ reason: 'too-large' });
    await expect(journal.write(0, blocks)).rejects.toMatchObject({ reason: 'too-large' });
    await transaction.abort();
  });

  test('gives way when the ring needs its pages, and says so (@req B13)', async () => {
    const { journal } = await opened();
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    for (let round = 0; round < 4; round++) await sweep(journal);
    await expect(transaction.commit()).rejects.toThrow('when the ring needed its pages');
    await transaction.abort();
    await journal.write(3, blockOf(3, 7));
    expect(await versionOf(journal, 3)).toBe(7);
  });

  test('left open at a close is rolled back', async () => {
    const { twin, journal } = await opened();
    await journal.write(3, blockOf(3, 1));
    const transaction = journal.begin();
    await transaction.write(3, blockOf(3, 2));
    await journal.close();
    await expect(transaction.commit()).rejects.toMatchObject({ reason: 'closed' });
    const again = await open(twin, options);
    expect(again.recovery.recordsReplayed).toBe(0);
    expect(await versionOf(again, 3)).toBe(1);
  });

  test('there can be as many open as the ring has room to end', async () => {
    const { journal } = await opened();
    const open = Array.from({ length: 4 }, () => journal.begin());
    expect(() => journal.begin()).toThrow('4 transactions are open');
    await open[0]!.abort();
    journal.begin();
  });
});

test('concurrent writes of one block take effect in the order in which they were submitted', async () => {
  const { twin, journal } = await opened();
  const writes = Array.from({ length: 20 }, (_, index) => journal.write(3, blockOf(3, index + 1)));
  const lsns = await Promise.all(writes);
  expect(lsns).toEqual([...lsns].sort((a, b) => a - b));
  expect(await versionOf(journal, 3)).toBe(20);
  expect(await versionOf(await open(afterKill(twin), options), 3)).toBe(20);
});

test('what a loser left is taken back where its epoch ends, not over what a later one wrote (@req B12)', async () => {
  const { twin, journal } = await opened();
  // Keeps the tail here, so that every later recovery sees the loser again.
  await journal.append(0x8001, 0, 0, new Uint8Array(8));
  await journal.write(3, blockOf(3, 1));
  const transaction = journal.begin();
  await transaction.write(3, blockOf(3, 2));
  await journal.write(4, blockOf(4, 1));
  const second = afterKill(twin);
  const reopened = await open(second, options);
  expect(await versionOf(reopened, 3)).toBe(1);
  await reopened.write(3, blockOf(3, 5));
  const third = afterKill(second, 3);
  const last = await open(third, options);
  expect(await versionOf(last, 3)).toBe(5);
  expect(await readBlock(last, 4)).toEqual(blockOf(4, 1));
});

test('only mode `undo-redo` keeps transactions open', async () => {
  const journal = await open(await formattedTwin());
  expect(() => journal.begin()).toThrow('only mode "undo-redo"');
});
