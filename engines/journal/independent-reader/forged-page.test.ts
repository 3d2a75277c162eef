import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { createImage } from '../../../harness/drive/image.ts';
import { formatJournal, openJournal, type JournalOptions } from '../index.ts';
import { afterKill, driveGeometry, smallOptions, twinOn, type Twin } from '../twin.fixture.ts';
import { crc32c, crcAround } from './checksums.fixture.ts';
import { mediumOf, testKey } from './engine-run.fixture.ts';
import type { Page } from './page.fixture.ts';
import { readJournal, type JournalView } from './read-journal.fixture.ts';

/**
 * Page CRCs are no secret, so whoever can write to the device can make a whole page without ENC. The one
 * kind of page that an encrypted journal leaves plain must not be a way in (README.md, "Encryption").
 */
const options: JournalOptions = {
  ...smallOptions,
  idleWatermark: false,
  encryption: { insecureTestKey: 7 },
};

const geometry = driveGeometry();
const secret = 0x5a;

test('a plain page in the middle of an encrypted batch is refused, whatever it begins with (@req C7)', async () => {
  const twin = await killedAfter((journal) => journal.write(1, new Uint8Array(4096).fill(secret)));
  const page = viewOf(twin).log.batches[1]!.pages[1]!;
  replaceBody(twin, page, forgedTail(page.used));
  await expectRefused(twin);
});

test('a plain page in place of a sealed one is refused, even if it says that an epoch begins (@req C7)', async () => {
  const twin = await killedAfter((journal) => journal.append(0x8001, 0, 0, Buffer.from('kept')));
  const [first, second] = viewOf(twin).log.batches;
  const start = first!.records[0]!.bytes.slice();
  const lsn = second!.pages[0]!.firstLsn;
  new DataView(start.buffer).setUint32(8, lsn, true);
  new DataView(start.buffer).setUint32(26, crcOfRecord(start), true);
  replaceBody(twin, second!.pages[0]!, start);
  await expectRefused(twin);
});

async function killedAfter(
  change: (journal: Awaited<ReturnType<typeof openJournal>>) => Promise<number>,
): Promise<Twin> {
  const twin = twinOn(createImage(geometry, 1), geometry, createRandom(1));
  await formatJournal({ journal: twin.drive }, options, twin.platform);
  const journal = await openJournal({ journal: twin.drive }, options, twin.platform);
  await change(journal);
  await journal[Symbol.asyncDispose]();
  return afterKill(twin);
}

function viewOf({ drive }: Twin): JournalView {
  return readJournal(mediumOf({ name: 'forged', options, geometry }, [drive.image], testKey(7)));
}

/**
 * What an EpochStart would have where a reader looks for one, and a message. The data was known, and
 * CRCs are linear, so four bytes at the end bring that of the record back.
 */
function forgedTail(byteCount: number): Uint8Array {
  const forged = new Uint8Array(byteCount).fill(secret);
  forged.set([0x06, 0x81], 6);
  forged.set([64, 0, 0, 0], 22);
  forged.set(Buffer.from('written without the key'), 40);
  const change = forged.map((byte) => byte ^ secret).subarray(0, byteCount - 4);
  const register = crc32c(change) ^ crc32c(new Uint8Array(change.length));
  for (let index = 0; index < 4; index++) {
    forged[byteCount - 4 + index]! ^= (register >>> (8 * index)) & 0xff;
  }
  return forged;
}

function crcOfRecord(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(30), crc32c(bytes.subarray(0, 26)));
}

/** No key is used: the envelope stays, but for ENC, used and CRC. */
function replaceBody(twin: Twin, page: Page, body: Uint8Array): void {
  const { uuid, salt, extents, ringPages, pageBytes } = viewOf(twin).log.superblock;
  const bytes = page.bytes.slice();
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 64);
  bytes.set(body, 64);
  view.setUint16(6, view.getUint16(6, true) & ~1, true);
  view.setUint16(20, body.length, true);
  view.setUint32(60, crcAround(bytes, 60, crc32c(salt, crc32c(uuid))), true);
  twin.drive.image.writeBytes(extents.ring.at + (page.pageSeq % ringPages) * pageBytes, bytes);
}

async function expectRefused(twin: Twin): Promise<void> {
  expect(() => viewOf(twin)).toThrow('should be encrypted');
  await expect(openJournal({ journal: twin.drive }, options, twin.platform)).rejects.toMatchObject({
    reason: 'corrupt',
  });
}
