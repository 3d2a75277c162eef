import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EngineRefusal } from '../../../harness/contract/index.ts';
import { superblockSlots } from '../format/layout.ts';
import { pageRunOf, readPageHeader } from '../format/page.ts';
import { recordAt, recordHeaderBytes } from '../format/record.ts';
import { pageCodecOf, superblockBytes } from '../format/superblock.ts';
import { viewOf } from '../format/u64.ts';
import { pageBytesOf, putPage, someOf } from './damaged-states.fixture.ts';
import { crashStates, recoverAll, type CrashedState } from './explore.fixture.ts';
import { bytesAt, logPagesOn, newestOn } from './medium.fixture.ts';
import { contentsOf } from './model.fixture.ts';
import { openOn } from './journals.fixture.ts';
import { runOnNew, runScript } from './script-run.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { runs, setups, type Setup } from './setups.fixture.ts';

/**
 * Goal: nothing is believed because of what it looks like. Pages and records in payloads, lengths that
 * are garbage and formats of the future are put where recovery reads.
 */
const data = { write: 8, transaction: 2, append: 4, settle: 2, release: 2 };

test('I17 a payload that holds whole pages and records of this very journal is never taken for any', async () => {
  await fc.assert(
    fc.asyncProperty(
      setups({ encrypted: [false] }),
      scripts({ minLength: 10, maxLength: 15 }, { ...data, release: 0 }),
      scripts({ minLength: 12, maxLength: 25 }, data),
      async (setup, steps, more) => {
        const first = await runOnNew({ setup, steps, seed: 16 });
        const { image } = first.twin.drive;
        const superblock = newestOn(image, setup.geometry);
        const ring = logPagesOn(image, superblock);
        const newest = ring.at(-1)!.header;
        const codec = pageCodecOf(superblock, crc32c);
        // Pages of the log as they are, and such as the next epoch would write ahead of itself.
        const lookalike = (version: number): Uint8Array => {
          const page = pageBytesOf(image, setup, ring[version % ring.length]!.slot);
          if (version % 3 === 0) return page;
          const header = { ...newest, epoch: newest.epoch + 1, pageSeq: newest.pageSeq + version };
          codec.seal(pageRunOf(page), 0, { ...header, batchIndex: 0, batchPages: 1 });
          return page;
        };
        const run = await runScript({
          setup,
          image: first.twin.drive.image.fork(),
          initial: await contentsOf(first.journal),
          steps: more,
          seed: 17,
          firstVersion: 1000,
          dataOf: (_, version) => lookalike(version).subarray(0, 4096),
          payloadOf: (version, byteCount) =>
            Buffer.concat([lookalike(version), lookalike(version + 1)]).subarray(
              40,
              40 + byteCount,
            ),
        });
        await recoverAll(run, { statesMax: 30 });
      },
    ),
    runs(9),
  );
});

test('I18 a length that is garbage is refused, and no memory is taken for it', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ encrypted: [false], doubleWrite: ['off'] }),
      scripts({ minLength: 8, maxLength: 14 }, data),
      fc.oneof(fc.integer({ min: 2 ** 20, max: 2 ** 32 - 1 }), fc.nat(70_000)),
      async (setup, steps, length) => {
        const run = await runOnNew({ setup, steps, seed: 18 });
        for (const state of someOf([...crashStates(run.history, { statesMax: 30 })], 3)) {
          for (const { slot, at, view } of recordsIn(state, setup)) {
            if (view.getUint32(at + recordAt.payloadBytes, true) === length) continue;
            view.setUint32(at + recordAt.payloadBytes, length, true);
            const before = process.memoryUsage().arrayBuffers;
            expect(await refusalOf(withPage(state, setup, slot, view), setup)).toBe('corrupt');
            const taken = process.memoryUsage().arrayBuffers - before;
            expect(taken).toBeLessThan(64 * 2 ** 20);
            refused += 1;
          }
        }
      },
    ),
    runs(10),
  );
  expect(refused).toBeGreaterThan(50);
});

test('I19 a superblock or a record of a newer format is refused, and is not the end of the log', async () => {
  const seen = { superblocks: 0, records: 0 };
  await fc.assert(
    fc.asyncProperty(
      setups({ encrypted: [false], doubleWrite: ['off'] }),
      scripts({ minLength: 8, maxLength: 14 }, data),
      fc.integer({ min: 2, max: 0xffff }),
      async (setup, steps, version) => {
        const run = await runOnNew({ setup, steps, seed: 19 });
        for (const state of someOf([...crashStates(run.history, { statesMax: 30 })], 4)) {
          expect(await refusalOf(withNewerSuperblocks(state, setup, version), setup)).toBe(
            'incompatible',
          );
          seen.superblocks += 1;
          for (const { slot, at, view } of recordsIn(state, setup)) {
            view.setUint16(at + recordAt.format, version, true);
            const newer = withPage(state, setup, slot, view);
            expect(await refusalOf(newer, setup)).toBe('incompatible');
            seen.records += 1;
          }
        }
      },
    ),
    runs(10),
  );
  expect(seen.superblocks).toBeGreaterThan(30);
  expect(seen.records).toBeGreaterThan(50);
});

interface RecordOnPage {
  readonly slot: number;
  /** Of its header, in the page. */
  readonly at: number;
  /** Over a copy of the page, with nothing displaced by stamps. */
  readonly view: DataView;
}

/** The first record that begins in each acknowledged page of the log, where its header is whole. */
function recordsIn({ image }: CrashedState, setup: Setup): RecordOnPage[] {
  const superblock = newestOn(image, setup.geometry);
  const codec = pageCodecOf(superblock, crc32c);
  const pages = logPagesOn(image, superblock);
  const durableLsn = Math.max(0, ...pages.map(({ header }) => header.durableLsn));
  return pages.flatMap(({ slot, header }) => {
    const { firstRecord, used, firstLsn } = header;
    if (firstLsn > durableLsn || firstRecord + recordHeaderBytes > used) return [];
    const page = pageBytesOf(image, setup, slot);
    codec.unstamp(pageRunOf(page), 0);
    const at = codec.bodyOffset + firstRecord;
    return [{ slot, at, view: viewOf(page) }];
  });
}

/** Sealed again, so that its CRC fits. */
function withPage(state: CrashedState, setup: Setup, slot: number, view: DataView): CrashedState {
  const image = state.image.fork();
  const bytes = new Uint8Array(view.buffer);
  const codec = pageCodecOf(newestOn(image, setup.geometry), crc32c);
  codec.seal(pageRunOf(bytes), 0, readPageHeader(view, 0));
  putPage(image, setup, slot, bytes);
  return { ...state, image };
}

function withNewerSuperblocks(
  state: CrashedState,
  { geometry }: Setup,
  version: number,
): CrashedState {
  const image = state.image.fork();
  for (const at of superblockSlots(geometry)) {
    const bytes = bytesAt(image, at, superblockBytes);
    const view = viewOf(bytes);
    view.setUint16(4, version, true);
    view.setUint32(superblockBytes - 4, crc32c(bytes.subarray(0, superblockBytes - 4)), true);
    image.writeBytes(at, bytes);
  }
  return { ...state, image };
}

async function refusalOf({ image, digest }: CrashedState, setup: Setup): Promise<string> {
  return openOn(image, setup, digest).then(
    () => 'opened',
    (error: unknown) => (error as EngineRefusal).reason,
  );
}
