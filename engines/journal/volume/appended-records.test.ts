import { expect, test } from 'vitest';
import { AppendedRecords, type AppendedRecord } from './appended-records.ts';

function record(lsn: number): AppendedRecord {
  return { lsn, type: 0x8001, tenant: 0, vshard: 0, payload: new Uint8Array([lsn & 0xff]) };
}

async function lsnsFrom(records: AppendedRecords, lsn: number): Promise<number[]> {
  const lsns: number[] = [];
  for await (const one of records.from(lsn)) lsns.push(one.lsn);
  return lsns;
}

test('what is kept is what was not released, however many came and went', async () => {
  const records = new AppendedRecords([record(1), record(3)]);
  for (let lsn = 5; lsn < 20_000; lsn += 2) {
    records.add(record(lsn));
    if (lsn % 3 === 0) records.releaseThrough(lsn - 10);
  }
  const newest = 19_999;
  const released = 19_995 - 10;
  const kept = Array.from(
    { length: (newest - released) / 2 },
    (_, index) => released + 2 + 2 * index,
  );
  expect(await lsnsFrom(records, 0)).toEqual(kept);
  expect(await lsnsFrom(records, newest - 1)).toEqual([newest]);
  expect(records.next(0)?.lsn).toBe(released + 2);
  expect(records.next(newest - 1)?.payload).toEqual(new Uint8Array([newest & 0xff]));
  expect(records.next(newest + 1)).toBeUndefined();
});

test('releasing one record at a time takes no longer the more there are (C10)', () => {
  const count = 300_000;
  const records = new AppendedRecords(
    Array.from({ length: count }, (_, index) => record(index + 1)),
  );
  // At a cost that grows with the records left this would take minutes.
  for (let lsn = 1; lsn <= count; lsn++) records.releaseThrough(lsn);
  expect(records.next(0)).toBeUndefined();
});

test('whoever waits for the next record is woken by it, and by the end', async () => {
  const records = new AppendedRecords([]);
  const first = records.changed();
  records.add(record(1));
  await first;
  const end = records.changed();
  records.close();
  await end;
  await records.changed();
  expect(records.isClosed).toBe(true);
});
