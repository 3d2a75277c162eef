import { Buffer } from 'node:buffer';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, test } from 'vitest';
import { createRandom, EngineRefusal } from '../../harness/contract/index.ts';
import { openConfigured } from './journal.ts';
import { journalOptions } from './config.ts';
import { keyringOf } from './crypto/journal-keys.ts';
import { isSameKeyId, keyIdOf, type KeyProvider } from './crypto/key-provider.ts';
import { NonceLedger } from './crypto/nonce-ledger.fixture.ts';
import { createPageCipher } from './crypto/page-cipher.ts';
import { formatJournal } from './format-journal.ts';
import {
  decodeSuperblock,
  pageCodecOf,
  superblockBytes,
  type Superblock,
} from './format/superblock.ts';
import { pageAt, pageFlags, pageRunOf, readPageHeader } from './format/page.ts';
import { superblockSlots } from './format/layout.ts';
import { openJournal, type Journal } from './journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  twinOn,
  versionOf,
  type Twin,
} from './twin.fixture.ts';

const sealed = {
  ...smallOptions,
  idleWatermark: false,
  encryption: { insecureTestKey: 7 },
} as const;
const plain = { ...smallOptions, idleWatermark: false };
const ringAt = 2 ** 20;
const pageBytes = 4096;

/** Keys of a test, newest first: 32 bytes each that count up from `first`. */
function fixedKeys(...first: readonly number[]): KeyProvider {
  const keys = first.map((from) => Uint8Array.from({ length: 32 }, (_, index) => from + index));
  return {
    description: 'the keys of a test',
    newestKeyId: async () => keyIdOf(keys[0]!),
    keyFor: async (id) => {
      const found = keys.find((key) => isSameKeyId(keyIdOf(key), id));
      if (found !== undefined) return found.slice();
      throw new EngineRefusal('incompatible', 'the keys of a test do not have the one asked for');
    },
  };
}

/** Twelve acknowledged writes, two appended records, then a kill. */
async function written(options: typeof sealed | typeof plain = sealed): Promise<Twin> {
  const twin = await formattedTwin(driveGeometry(), options);
  const journal = await open(twin, options);
  for (let block = 0; block < 12; block++) await journal.write(block, blockOf(block, block + 1));
  await journal.append(0x8001, 7, 3, Buffer.from('tenants must not leak either'));
  return afterKill(twin);
}

function superblockOf({ drive }: Twin): Superblock {
  const found = superblockSlots(drive.geometry).flatMap((byteOffset) => {
    const bytes = new Uint8Array(superblockBytes);
    drive.image.read(byteOffset, bytes);
    const contents = decodeSuperblock(bytes, crc32c);
    return contents.kind === 'valid' ? [contents.superblock] : [];
  });
  return found.sort((a, b) => b.sequence - a.sequence)[0]!;
}

/** Changes a page of the ring and gives it a CRC that fits, as somebody who knows the format can. */
function forge(twin: Twin, slot: number, change: (page: Uint8Array) => void): void {
  const page = new Uint8Array(pageBytes);
  twin.drive.image.read(ringAt + slot * pageBytes, page);
  const run = pageRunOf(page);
  change(page);
  // Sealing writes the envelope anew, as it is, and the CRC that fits.
  pageCodecOf({ ...superblockOf(twin), keyId: undefined }, crc32c).seal(
    run,
    0,
    readPageHeader(run.view, 0),
  );
  overwrite(twin, ringAt + slot * pageBytes, page);
}

describe('an encrypted journal', () => {
  test('is refused when it has no room for another salt, until records are released', async () => {
    let twin = await written();
    let refused: unknown;
    for (let opens = 0; opens < 40 && refused === undefined; opens++) {
      const journal = await open(twin, sealed).catch((error: unknown) => void (refused = error));
      await journal?.append(0x8001, 0, 0, Uint8Array.of(1));
      twin = afterKill(twin, opens);
    }
    expect(refused).toMatchObject({ reason: 'full' });
    const journal = await open(twin, { ...sealed, releaseThrough: 1000 });
    expect(await versionOf(journal, 11)).toBe(12);
  });

  test('leaves nothing of what was written on the log, nor of the record headers (@req C7)', async () => {
    for (const options of [plain, sealed]) {
      const twin = await written(options);
      const ring = new Uint8Array(64 * pageBytes);
      twin.drive.image.read(ringAt, ring);
      const isFound =
        Buffer.from(ring).includes('tenants must not leak') ||
        Buffer.from(ring).includes(Buffer.from(blockOf(11, 12).subarray(8, 40)));
      expect(isFound).toBe(options === plain);
    }
  });

  test('serves what was acknowledged after a kill, over several epochs', async () => {
    let twin = await written();
    for (let round = 0; round < 4; round++) {
      const journal = await open(twin, sealed);
      for (let block = 0; block < 12; block++) {
        const isNew = round > 0 && block < 3;
        expect(await versionOf(journal, block)).toBe(isNew ? round * 100 + block : block + 1);
      }
      for (let block = 0; block < 3; block++) {
        await journal.write(block, blockOf(block, (round + 1) * 100 + block));
      }
      const tenants: number[] = [];
      for await (const { tenant } of journal.replay()) tenants.push(tenant);
      expect(tenants).toEqual([7]);
      await journal.flush();
      twin = afterKill(twin, round + 3);
    }
  });

  test.each([
    { name: 'another key', options: { ...sealed, encryption: { insecureTestKey: 8 } } },
    { name: 'no key', options: { ...sealed, encryption: undefined } },
  ])('is refused with $name, and is none the worse for it', async ({ options }) => {
    const twin = await written();
    await expect(open(twin, options)).rejects.toMatchObject({ reason: 'incompatible' });
    const journal = await open(afterKill(twin), sealed);
    expect(await versionOf(journal, 11)).toBe(12);
  });

  test('does not take a key for a journal that is not encrypted', async () => {
    await expect(open(await written(plain), sealed)).rejects.toMatchObject({
      reason: 'incompatible',
      message: expect.stringContaining('not encrypted') as string,
    });
  });

  test('refuses a page that somebody has changed, CRC and all, and never takes it for the end (I10)', async () => {
    const random = createRandom(5);
    for (let slot = 1; slot < 20; slot++) {
      const twin = await written();
      forge(twin, slot, (page) => {
        const at = random.chance(1, 2) ? 64 + random.below(pageBytes - 64) : pageAt.firstRecord;
        page[at]! ^= 1 << random.below(8);
      });
      await expect(open(twin, sealed), `slot ${slot}`).rejects.toMatchObject({ reason: 'corrupt' });
    }
  });

  test('refuses a page that is whole and in its place, but not encrypted', async () => {
    const twin = await written();
    forge(twin, 3, (page) => {
      page[pageAt.flags]! &= ~pageFlags.encrypted;
    });
    await expect(open(twin, sealed)).rejects.toMatchObject({ reason: 'corrupt' });
  });

  test('refuses records of a caller in the page that begins an epoch', async () => {
    const twin = await written();
    const other = await written(plain);
    const page = new Uint8Array(pageBytes);
    other.drive.image.read(ringAt, page);
    const { epoch, pageSeq } = superblockOf(twin).epochs.at(-1)! as {
      epoch: number;
      pageSeq?: number;
    };
    expect([epoch, pageSeq]).toEqual([2, undefined]);
    forge(twin, 0, (target) => {
      // What follows the EpochStart record in a plain journal, where one page holds both.
      target.set(page.subarray(64), 64);
      target.set(page.subarray(pageAt.used, pageAt.used + 2), pageAt.used);
    });
    await expect(open(twin, sealed)).rejects.toMatchObject({ reason: 'corrupt' });
  });
});

test('no nonce is used twice under one key, over opens, kills and snapshots put back (I15, @req C7)', async () => {
  const ledger = new NonceLedger();
  const keyring = { ...keyringOf(fixedKeys(1)), createCipher: ledger.watch(createPageCipher) };
  const config = journalOptions.parse({ ...smallOptions, idleWatermark: true });
  const random = createRandom(11);
  const geometry = driveGeometry({ logicalBlockBytes: 512 });
  let twin = await formattedTwin(geometry, { ...smallOptions, encryption: { insecureTestKey: 1 } });
  let snapshot = twin.drive.image.fork();
  for (let round = 0; round < 40; round++) {
    const journal: Journal = await openConfigured(
      { journal: twin.drive },
      config,
      twin.platform,
      keyring,
    );
    const count = random.below(30);
    await Promise.all(
      Array.from({ length: count }, (_, index) => journal.write(index, blockOf(index, round))),
    );
    if (random.chance(1, 3)) snapshot = twin.drive.image.fork();
    twin.drive.cutPower();
    // A snapshot goes on from where it was taken, at page numbers that were used since.
    const isPutBack = random.chance(1, 3);
    const image = isPutBack ? snapshot.fork() : twin.drive.image.fork();
    twin = twinOn(image, geometry, createRandom(100 + round));
  }
  expect(ledger.repeats).toEqual([]);
  expect(ledger.sealedPages).toBeGreaterThan(400);
  expect(ledger.keys).toBeGreaterThan(20);
});

test('keys come from any provider, and the newest seals', async () => {
  const twin = await formattedTwin();
  const devices = { journal: twin.drive };
  await formatJournal(devices, plain, twin.platform, fixedKeys(3, 2));
  let journal = await openJournal(devices, plain, twin.platform, fixedKeys(9, 3));
  await journal.write(1, blockOf(1, 5));
  await journal.close();
  await expect(openJournal(devices, plain, twin.platform, fixedKeys(2))).rejects.toMatchObject({
    reason: 'incompatible',
  });
  journal = await openJournal(devices, plain, twin.platform, fixedKeys(3));
  expect(await versionOf(journal, 1)).toBe(5);
});
