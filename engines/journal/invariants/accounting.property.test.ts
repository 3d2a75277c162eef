import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Journal } from '../journal.ts';
import { blockBytes } from '../format/layout.ts';
import type { Twin } from '../twin.fixture.ts';
import { crashStates, recovered } from './explore.fixture.ts';
import { logPagesOn, newestOn, pageWritesOf, superblockWritesOf } from './medium.fixture.ts';
import { formatted, openOn } from './journals.fixture.ts';
import { runOnNew } from './script-run.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { modelBlocks, plainSetup, runs, setups } from './setups.fixture.ts';

/** Goal: nothing grows beyond its bound, and every byte that the drive received is accounted for. */
const steady = { write: 10, transaction: 3, append: 3, release: 4, settle: 2, flush: 1, pause: 1 };

test('I20 the ring and the window hold no more than they may, at any request', async () => {
  let pagesSeen = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 40, maxLength: 60 }, steady),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 20 });
        const superblock = newestOn(run.history.deviceOf(0).base, setup.geometry);
        const updates = superblockWritesOf(run.history, setup.geometry);
        const writes = pageWritesOf(run.history, superblock);
        for (const { submitted, pages } of writes) {
          const durable = updates.filter(({ durableAt }) => durableAt < submitted);
          const tail = durable.at(-1)!.superblock.tail.pageSeq;
          const pending = writes.filter(
            (write) => write.submitted <= submitted && write.durableAt >= submitted,
          );
          const oldest = Math.min(...pending.flatMap(numbersOf));
          for (const pageSeq of numbersOf({ pages })) {
            expect(pageSeq).toBeLessThan(tail + setup.config.ringPages);
            expect(pageSeq).toBeLessThan(oldest + setup.config.windowPages);
            pagesSeen += 1;
          }
        }
      },
    ),
    runs(12),
  );
  expect(pagesSeen).toBeGreaterThan(500);
});

function numbersOf({
  pages,
}: {
  readonly pages: readonly { readonly header: { readonly pageSeq: number } }[];
}): number[] {
  return pages.map(({ header }) => header.pageSeq);
}

test('I20 the queue takes what fits and refuses the rest, and memory holds no more blocks than the log', async () => {
  const setup = plainSetup();
  const narrow = { ...setup, config: { ...setup.config, queueBytesMax: 65_536 } };
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 6, maxLength: 12 }),
      async (bursts) => {
        const { image } = await formatted(narrow);
        const { journal, twin } = await openOn(image, narrow, 20);
        for (const [version, count] of bursts.entries()) {
          const outcomes = Array.from({ length: count }, (_, index) =>
            journal.write(index % modelBlocks, new Uint8Array(blockBytes).fill(version)).then(
              () => true,
              () => false,
            ),
          );
          const taken = (await Promise.all(outcomes)).filter(Boolean).length;
          expect(taken * blockBytes).toBeLessThanOrEqual(narrow.config.queueBytesMax);
          expect(taken).toBeGreaterThanOrEqual(Math.min(count, 15));
          refused += count - taken;
          await twin.timeline.whenIdle();
          expect(await blocksInMemory(journal, twin)).toBeLessThanOrEqual(pagesInUse(twin));
        }
        await journal.close();
        const again = await openOn(twin.drive.image.fork(), narrow, 21);
        expect(await blocksInMemory(again.journal, again.twin)).toBe(0);
      },
    ),
    runs(8),
  );
  expect(refused).toBeGreaterThan(100);
});

/** From the tail to the newest page of the log. */
function pagesInUse({ drive: { image, geometry } }: Twin): number {
  const superblock = newestOn(image, geometry);
  const newest = logPagesOn(image, superblock).at(-1)!;
  return newest.header.pageSeq + 1 - superblock.tail.pageSeq;
}

/** Blocks that are served without asking the drive. */
async function blocksInMemory(journal: Journal, { drive }: Twin): Promise<number> {
  const before = drive.counters.reads;
  const target = new Uint8Array(blockBytes);
  for (let block = 0; block < modelBlocks; block++) await journal.read(block, target);
  return modelBlocks - (drive.counters.reads - before);
}

test('I21 the tally of what was written is what the drive received, to the byte (@req B4)', async () => {
  let bytesSeen = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 30, maxLength: 50 }, { ...steady, interactive: 2 }),
      async (setup, steps) => {
        const run = await runOnNew({ setup, steps, seed: 21 });
        expectTallied(run.journal, run.twin);
        for (const state of crashStates(run.history, { statesMax: 25 })) {
          const { journal, twin } = await recovered(state, setup);
          expectTallied(journal, twin);
        }
        await run.journal.close();
        bytesSeen += expectTallied(run.journal, run.twin);
      },
    ),
    runs(10),
  );
  expect(bytesSeen).toBeGreaterThan(2 ** 20);
});

function expectTallied(journal: Journal, { drive }: Twin): number {
  const { writtenBytes, flushes, fuaWrites } = journal.counters();
  const total = Object.values(writtenBytes).reduce((sum, bytes) => sum + bytes, 0);
  const received = drive.counters;
  expect({ total, flushes, fuaWrites }).toEqual({
    total: received.bytesWritten,
    flushes: received.flushes,
    fuaWrites: received.fuaWrites,
  });
  return total;
}
