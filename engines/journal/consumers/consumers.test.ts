import { crc32c } from '@node-rs/crc32';
import { describe, expect, test } from 'vitest';
import { superblockSlots } from '../format/layout.ts';
import { decodeSuperblock, superblockBytes } from '../format/superblock.ts';
import type { Journal } from '../journal.ts';
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
} from '../twin.fixture.ts';
import type { AppendedRecord } from '../volume/appended-records.ts';
import { ConsumerReplay } from './consumer-replay.ts';
import type { Subscription } from './subscription.ts';

const type = 0x8001;
const quiet = { ...smallOptions, idleWatermark: false };

async function append(journal: Journal, count: number, byteCount = 10): Promise<number[]> {
  const payload = new Uint8Array(byteCount);
  return Promise.all(Array.from({ length: count }, () => journal.append(type, 0, 0, payload)));
}

async function take(records: Subscription, count: number): Promise<AppendedRecord[]> {
  const taken: AppendedRecord[] = [];
  while (taken.length < count) {
    const { value, done } = await records.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

const lsnsOf = (records: readonly AppendedRecord[]): number[] => records.map(({ lsn }) => lsn);

describe('a consumer', () => {
  test('is handed durable records in the order of their LSNs, and then those to come (@req C9)', async () => {
    const journal = await open(await formattedTwin());
    const early = await append(journal, 3);
    const records = journal.subscribe({ consumer: 'index' });
    expect(lsnsOf(await take(records, 3))).toEqual(early);
    const waiting = take(records, 2);
    const late = await append(journal, 2);
    expect(lsnsOf(await waiting)).toEqual(late);
    const last = take(records, 1);
    await records.return();
    expect(await last).toEqual([]);
  });

  test('goes on after what it committed, after a crash and after a clean close (@req C9)', async () => {
    let twin = await formattedTwin();
    let journal = await open(twin);
    const lsns = await append(journal, 6);
    const records = journal.subscribe({ consumer: 'index' });
    await take(records, 4);
    await records.commit(lsns[2]!);
    twin = afterKill(twin);
    journal = await open(twin);
    let again = journal.subscribe({ consumer: 'index' });
    expect(lsnsOf(await take(again, 3))).toEqual(lsns.slice(3));
    await again.commit(lsns[4]!);
    await journal.close();
    journal = await open(twin);
    again = journal.subscribe({ consumer: 'index' });
    expect(lsnsOf(await take(again, 1))).toEqual(lsns.slice(5));
    const rewound = journal.subscribe({ consumer: 'other', fromLsn: lsns[5]! });
    expect(lsnsOf(await take(rewound, 1))).toEqual(lsns.slice(5));
  });

  test('commits only what it was handed', async () => {
    const journal = await open(await formattedTwin());
    const lsns = await append(journal, 2);
    const records = journal.subscribe({ consumer: 'index' });
    await take(records, 1);
    await expect(records.commit(lsns[1]!)).rejects.toThrow('has not been delivered');
    await expect(journal.transaction([], { consumer: 'index', upTo: lsns[1]! })).rejects.toThrow(
      'has not been delivered',
    );
    await expect(journal.transaction([], { consumer: 'nobody', upTo: 0 })).rejects.toThrow(
      'no consumer "nobody"',
    );
  });

  test('ends with the journal', async () => {
    const journal = await open(await formattedTwin());
    const waiting = take(journal.subscribe({ consumer: 'index' }), 1);
    await journal.flush();
    await journal.close();
    expect(await waiting).toEqual([]);
    expect(() => journal.subscribe({ consumer: 'index' })).toThrow('closed');
  });

  test('that is slow holds the ring, and a refusal names it; one that has gone does not (@req B4)', async () => {
    const twin = await formattedTwin();
    const journal = await open(twin);
    const records = journal.subscribe({ consumer: 'slow index' });
    await journal.flush();
    const refusal = await append(journal, 120, 4000).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      reason: 'full',
      message: expect.stringContaining('consumer "slow index" has not committed') as string,
    });
    expect((await take(records, 1)).length).toBe(1);
    await journal.unsubscribe('slow index');
    for await (const { lsn } of journal.replay()) journal.release(lsn);
    await append(journal, 20, 4000);
    const again = await open(afterKill(twin));
    await expect(again.transaction([], { consumer: 'slow index', upTo: 0 })).rejects.toThrow(
      'no consumer',
    );
  });

  test('can always say how far it is, and leave, in a ring that has no page left (@req C9)', async () => {
    const twin = await formattedTwin(driveGeometry(), quiet);
    let journal = await open(twin, quiet);
    const records = journal.subscribe({ consumer: 'index' });
    const idle = journal.subscribe({ consumer: 'idle' });
    await idle.commit(0);
    while ((await append(journal, 1, 4000).catch(() => [])).length > 0);
    const all: AppendedRecord[] = [];
    for await (const record of journal.replay()) all.push(record);
    for (const { lsn } of await take(records, all.length)) await records.commit(lsn);
    await journal.unsubscribe('idle');
    const killed = afterKill(twin);
    journal = await open(killed, quiet);
    await append(journal, 1);
    const [next] = await take(journal.subscribe({ consumer: 'index' }), 1);
    expect(next!.lsn).toBeGreaterThan(all.at(-1)!.lsn);
    await expect(journal.transaction([], { consumer: 'idle', upTo: 0 })).rejects.toThrow(
      'no consumer',
    );
  });

  test('makes its effects durable together with how far it is (@req C9)', async () => {
    for (const mode of ['journal', 'undo-redo'] as const) {
      const options = { ...smallOptions, mode };
      const twin = await formattedTwin(driveGeometry(), options);
      let journal = await open(twin, options);
      const lsns = await append(journal, 3);
      await take(journal.subscribe({ consumer: 'index' }), 3);
      await journal.transaction([{ block: 4, data: blockOf(4, 2) }], {
        consumer: 'index',
        upTo: lsns[1]!,
      });
      journal = await open(afterKill(twin), options);
      expect(await versionOf(journal, 4)).toBe(2);
      expect(lsnsOf(await take(journal.subscribe({ consumer: 'index' }), 1))).toEqual([lsns[2]]);
    }
  });

  test('has no effects with a mark in a mode that logs no transactions', async () => {
    const options = { ...smallOptions, mode: 'none' as const };
    const journal = await open(await formattedTwin(driveGeometry(), options), options);
    const lsns = await append(journal, 1);
    await take(journal.subscribe({ consumer: 'index' }), 1);
    await expect(
      journal.transaction([], { consumer: 'index', upTo: lsns[0]! }),
    ).rejects.toMatchObject({ reason: 'incompatible' });
  });

  test('is held up by the caller as well, once that has released something', async () => {
    const journal = await open(await formattedTwin());
    const lsns = await append(journal, 4);
    journal.release(lsns[0]!);
    const records = journal.subscribe({ consumer: 'index' });
    await take(records, 3);
    await records.commit(lsns[2]!);
    const kept: number[] = [];
    for await (const { lsn } of journal.replay()) kept.push(lsn);
    expect(kept).toEqual(lsns.slice(1));
  });

  test('is subscribed once at a time, under a name that fits, among at most 24', async () => {
    const journal = await open(await formattedTwin());
    const records = journal.subscribe({ consumer: 'index' });
    expect(() => journal.subscribe({ consumer: 'index' })).toThrow('subscribed already');
    expect(() => journal.subscribe({ consumer: 'x'.repeat(56) })).toThrow(RangeError);
    expect(() => journal.subscribe({ consumer: '' })).toThrow(RangeError);
    await records.return();
    journal.subscribe({ consumer: 'index' });
    for (let index = 1; index < 24; index++) journal.subscribe({ consumer: `c${index}` });
    await expect(journal.subscribe({ consumer: 'one more' }).next()).rejects.toThrow(
      '24 consumers',
    );
  });

  test('is still known when the newest pair of superblocks is lost (I26, R7, @req C9)', async () => {
    // A sweep gives up all there is, the record of a moment ago that says that it joined as well; then
    // the ring is written over there, so that the older superblock's log is gone.
    const sweeping = { ...quiet, destageStart: 0.9, destageStop: 0 };
    for (let writes = 1; writes <= 34; writes++) {
      const twin = await formattedTwin(driveGeometry(), sweeping);
      const journal = await open(twin, sweeping);
      const quick = journal.subscribe({ consumer: 'quick' });
      await quick.commit(0);
      for (let block = 0; block < 17; block++) await journal.write(block, blockOf(block, 1));
      await journal.subscribe({ consumer: 'slow' }).commit(0);
      for (let block = 0; block < writes; block++) await journal.write(block, blockOf(block, 2));
      const lsns = await append(journal, 3);
      await take(quick, 3);
      await quick.commit(lsns[2]!);
      for (let block = 0; block < 8; block++) await journal.write(block, blockOf(block, 3));
      const again = await open(withoutNewestPair(twin), sweeping);
      const slow = again.subscribe({ consumer: 'slow' });
      expect(lsnsOf(await take(slow, 3)), `${writes} writes`).toEqual(lsns);
      await append(again, 1);
      const [next] = await take(again.subscribe({ consumer: 'quick' }), 1);
      expect(next!.lsn, `${writes} writes`).toBeGreaterThan(lsns[2]!);
    }
  });
});

function withoutNewestPair(twin: Twin): Twin {
  const damaged = afterKill(twin);
  const slots = superblockSlots(twin.drive.geometry);
  const sequences = slots.map((byteOffset) => {
    const bytes = new Uint8Array(superblockBytes);
    twin.drive.image.read(byteOffset, bytes);
    const contents = decodeSuperblock(bytes, crc32c);
    return contents.kind === 'valid' ? contents.superblock.sequence : 0;
  });
  const newest = Math.max(...sequences);
  slots.forEach((byteOffset, slot) => {
    if (sequences[slot] === newest) overwrite(damaged, byteOffset, new Uint8Array(superblockBytes));
  });
  return damaged;
}

test('a consumer that leaves while it still joins, in a full ring, is gone for good (@req C9)', async () => {
  for (let afterNs = 10_000; afterNs <= 120_000; afterNs += 10_000) {
    const twin = await formattedTwin();
    const journal = await open(twin, quiet);
    const newest = await fillRing(journal);
    const joined = journal.subscribe({ consumer: 'brief' }).commit(0);
    await new Promise<void>((resolve) => {
      twin.timeline.after(afterNs, resolve);
    });
    await journal.unsubscribe('brief');
    await joined;
    journal.release(newest);
    await expect(append(journal, 1, 3000), `after ${afterNs} ns`).resolves.toHaveLength(1);
  }
});

/** With appended records, until it has no page left. Answers the newest LSN. */
async function fillRing(journal: Journal): Promise<number> {
  let newest = 0;
  try {
    for (;;) newest = (await append(journal, 1, 3000))[0]!;
  } catch {
    return newest;
  }
}

describe('the table of consumers after a crash', () => {
  const mark = { txid: 0, name: 'index', watermark: 9, kind: 'progress' } as const;
  const table = { asOfLsn: 20, consumers: [{ name: 'index', watermark: 5 }] };

  test('takes a mark inside a transaction only where that commits', () => {
    const replay = new ConsumerReplay(table);
    replay.mark({ ...mark, txid: 30 }, 32);
    replay.mark({ ...mark, txid: 40, watermark: 7 }, 42);
    replay.commit(40, 43);
    replay.endEpoch();
    replay.commit(30, 50);
    expect(replay.watermarks).toEqual(new Map([['index', 7]]));
  });

  test('does not take a mark that is in it already, nor one of a consumer that has left', () => {
    const replay = new ConsumerReplay({ ...table, consumers: [] });
    replay.mark({ ...mark, kind: 'join' }, 20);
    replay.mark(mark, 21);
    expect(replay.watermarks.size).toBe(0);
    replay.mark({ ...mark, kind: 'join' }, 22);
    replay.mark({ ...mark, kind: 'leave' }, 23);
    replay.mark(mark, 24);
    expect(replay.watermarks.size).toBe(0);
  });
});
