// Goal: it makes no difference to recovery where in the ring the log begins. Method: a log that goes
// over the end of the ring, with each of its pages damaged in turn, with and without a mirror.
import { expect, test } from 'vitest';
import type { JournalOptions } from '../config.ts';
import { bytesAt, newestOn } from '../invariants/medium.fixture.ts';
import { mirrorExtent, type Layout } from '../format/layout.ts';
import type { Journal } from '../journal.ts';
import {
  afterKill,
  blockOf,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  versionOf,
  type Twin,
} from '../twin.fixture.ts';

interface TurnedLog {
  readonly twin: Twin;
  readonly layout: Layout;
  readonly options: JournalOptions;
  /** Slots of the pages that were acknowledged and not destaged, in the order of the log. */
  readonly slots: readonly number[];
}

const blocks = 12;
const version = 5;

/** Every page before the last lap's is in place, and the newest versions are in the log alone. */
async function turnedLog(doubleWrite: 'off' | 'full'): Promise<TurnedLog> {
  const options = { ...smallOptions, doubleWrite, idleWatermark: false };
  const twin = await formattedTwin(undefined, options);
  const before = await open(twin, options);
  // Two pages a write and one at the open: the next log begins a few pages before the ring's end.
  for (let write = 0; write < 28; write++) await before.write(write % blocks, blockOf(0, 1));
  await before.close();
  const journal = await open(twin, options);
  const pagesBefore = pagesOf(journal);
  for (let block = 0; block < blocks; block++) await journal.write(block, blockOf(block, version));
  const { layout } = journal;
  const count = pagesOf(journal) - pagesBefore;
  const firstSlot = newestOn(twin.drive.image, twin.drive.geometry).tail.pageSeq;
  const slots = Array.from({ length: count }, (_, index) => (firstSlot + index) % layout.ringPages);
  return { twin: afterKill(twin), layout, options, slots };
}

function pagesOf(journal: Journal): number {
  const { journal: bytes = 0, padding = 0 } = journal.counters().writtenBytes;
  return (bytes + padding) / journal.layout.pageBytes;
}

/** One bit of the page's last byte, behind everything that says what page it is. */
function damage(twin: Twin, byteOffset: number): Twin {
  const killed = afterKill(twin);
  const bytes = pageAt(killed, byteOffset);
  bytes[bytes.length - 1]! ^= 1;
  overwrite(killed, byteOffset, bytes);
  return killed;
}

function pageAt({ drive }: Twin, byteOffset: number): Uint8Array {
  return bytesAt(drive.image, byteOffset, 4096);
}

async function expectAllVersions(journal: Journal): Promise<void> {
  for (let block = 0; block < blocks; block++)
    expect(await versionOf(journal, block)).toBe(version);
}

test('a log that goes over the end of the ring is found, and damage to any page of it (@req C3, C8)', async () => {
  const { twin, layout, options, slots } = await turnedLog('off');
  expect(slots).toContain(layout.ringPages - 1);
  expect(slots).toContain(0);
  await expectAllVersions(await open(afterKill(twin), options));
  for (const slot of slots) {
    const damaged = damage(twin, layout.extents.ring.byteOffset + slot * layout.pageBytes);
    await expect(open(damaged, options), `slot ${slot}`).rejects.toMatchObject({
      reason: 'corrupt',
    });
  }
});

test('of such a log any page of ring or mirror may be damaged where there is a mirror, and is mended (@req C3)', async () => {
  const { twin, layout, options, slots } = await turnedLog('full');
  for (const { byteOffset } of [layout.extents.ring, mirrorExtent(layout)]) {
    for (const slot of slots) {
      const at = byteOffset + slot * layout.pageBytes;
      const damaged = damage(twin, at);
      await expectAllVersions(await open(damaged, options));
      expect(pageAt(damaged, at), `slot ${slot}`).toEqual(pageAt(twin, at));
    }
  }
});
