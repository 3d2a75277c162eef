/**
 * A drive that acknowledges a flush and loses what it should have made durable (REQUIREMENTS B10). Any
 * of a transaction's log pages may then be missing after a power cut, its commit record not being one
 * of them, and an older page of the journal's own stands in their place, whole and with a fitting CRC.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom, EngineRefusal } from '../../harness/contract/index.ts';
import type { SparseImage } from '../../harness/drive/image.ts';
import { openJournal } from './journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
  twinOn,
  versionOf,
  type Twin,
} from './twin.fixture.ts';

const ringAt = 2 ** 20;
const pageBytes = 4096;
const oldVersion = 7;
const newVersion = 8;
/** Eight blocks take some nine pages, so three batches of four: a transaction with its own commit. */
const blocks = [3, 9, 14, 20, 27, 33, 41, 60];

interface Cut {
  /** The medium before the transaction, and after it was acknowledged. */
  readonly before: SparseImage;
  readonly after: SparseImage;
  /** Slots of the ring that were written; the last holds the commit record, or the watermark. */
  readonly slots: readonly number[];
}

/** Two laps of the ring, a clean close, and then one transaction that is acknowledged. */
async function transactionOnUsedRing(idleWatermark: boolean): Promise<Cut> {
  const options = { ...smallOptions, idleWatermark };
  const first = await formattedTwin();
  const journal = await open(first, options);
  for (let write = 0; write < 80; write++) {
    await journal.write(write % 64, blockOf(write % 64, oldVersion));
  }
  await journal.close();
  const second = afterKill(first);
  const reopened = await open(second, options);
  const before = second.drive.image.fork();
  await reopened.transaction(blocks.map((block) => ({ block, data: blockOf(block, newVersion) })));
  if (idleWatermark) await second.timeline.whenIdle();
  const after = afterKill(second).drive.image;
  return { before, after, slots: slotsThatDiffer(before, after) };
}

function slotsThatDiffer(before: SparseImage, after: SparseImage): readonly number[] {
  const [old, fresh] = [Buffer.alloc(pageBytes), Buffer.alloc(pageBytes)];
  return Array.from({ length: smallOptions.ringPages }, (_, slot) => slot).filter((slot) => {
    before.read(ringAt + slot * pageBytes, old);
    after.read(ringAt + slot * pageBytes, fresh);
    return !old.equals(fresh);
  });
}

/** What the drive has after the cut: the pages that it lost are as they were. */
function withoutPages({ before, after, slots }: Cut, lost: readonly number[]): Twin {
  const image = after.fork();
  const page = Buffer.alloc(pageBytes);
  for (const index of lost) {
    const byteOffset = ringAt + slots[index]! * pageBytes;
    before.read(byteOffset, page);
    image.writeBytes(byteOffset, page);
  }
  return twinOn(image, driveGeometry(), createRandom(5));
}

/** The versions that the transaction's blocks show, or that the journal refused to say. */
async function recovered(twin: Twin): Promise<readonly number[] | 'refused'> {
  try {
    const journal = await openJournal({ journal: twin.drive }, smallOptions, twin.platform);
    const versions: number[] = [];
    for (const block of blocks) versions.push(await versionOf(journal, block));
    return versions;
  } catch (error) {
    if (error instanceof EngineRefusal) return 'refused';
    throw error;
  }
}

async function outcomesOf(cut: Cut): Promise<{ refused: number; undone: number }> {
  expect(cut.slots.length).toBeGreaterThanOrEqual(9);
  expect(await recovered(withoutPages(cut, []))).toEqual(blocks.map(() => newVersion));
  const outcomes = { refused: 0, undone: 0 };
  const someLost = fc.uniqueArray(fc.nat(cut.slots.length - 2), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(someLost, async (lost) => {
      const found = await recovered(withoutPages(cut, lost));
      outcomes[found === 'refused' ? 'refused' : 'undone']++;
      if (found !== 'refused') expect(found).toEqual(blocks.map(() => oldVersion));
    }),
    { seed: 10, numRuns: 100 },
  );
  return outcomes;
}

test('@req B10: a transaction whose data did not arrive is not replayed, though its commit record did', async () => {
  expect(await outcomesOf(await transactionOnUsedRing(false))).toEqual({ refused: 0, undone: 100 });
});

test('@req B10: and where the log knows that it was durable, the loss is reported', async () => {
  expect(await outcomesOf(await transactionOnUsedRing(true))).toEqual({ refused: 100, undone: 0 });
});
