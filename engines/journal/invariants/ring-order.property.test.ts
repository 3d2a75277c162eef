import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockBytes, mirrorExtent, superblockSlots, type Extent } from '../format/layout.ts';
import { pageFlags } from '../format/page.ts';
import type { History } from '../../../harness/drive/history.ts';
import { ledgerWindowsOf } from '../../../harness/drive/crash-windows.ts';
import { pairOf } from '../io/superblock-store.ts';
import {
  crashStates,
  durableOnly,
  judge,
  recovered,
  type CrashedState,
} from './explore.fixture.ts';
import {
  blockWritesOf,
  bytesAt,
  newestOn,
  pagesOn,
  pageWritesOf,
  superblockWritesOf,
  type SuperblockWrite,
} from './medium.fixture.ts';
import type { Operation } from './model.fixture.ts';
import { formatted, type Formatted } from './journals.fixture.ts';
import { runScript, type ScriptRun } from './script-run.fixture.ts';
import { scripts, type Step } from './scripts.fixture.ts';
import { plainSetup, runs, setups, type Setup } from './setups.fixture.ts';

/**
 * Goal: the order in which requests reach the drive is the one that the proof of the acknowledgement
 * rule rests on (JOURNAL-ENGINE §4.7 and §4.8). Method: the history of requests is read, page by page and
 * superblock by superblock, with what the drive had made durable when each was submitted; also that of
 * a second run on what a crash left.
 */
const busy = { write: 12, transaction: 3, append: 2, release: 3, settle: 1, pause: 1, reopen: 1 };

test('I7 no slot is written over before a durable superblock has given up the page in it', async () => {
  let overwritten = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 40, maxLength: 60 }, busy),
      scripts({ minLength: 10, maxLength: 30 }, busy),
      async (setup, steps, more) => {
        const first = await runScript({ ...(await start(setup)), steps, seed: 7 });
        overwritten += checkSlots(first.history, setup);
        for (const { image, index } of crashStates(first.history, { statesMax: 6 })) {
          const { initial } = first;
          const again = await runScript({ setup, image, initial, steps: more, seed: index });
          overwritten += checkSlots(again.history, setup);
        }
      },
    ),
    runs(10),
  );
  expect(overwritten).toBeGreaterThan(500);
});

/** Answers how many pages of an earlier lap were written over. */
function checkSlots(history: History, { geometry }: Setup): number {
  const { base } = history.deviceOf(0);
  const superblock = newestOn(base, geometry);
  const { layout, doubleWrite } = superblock;
  const extents: Extent[] = [layout.extents.ring];
  if (doubleWrite === 'full') extents.push(mirrorExtent(layout));
  const updates = superblockWritesOf(history, geometry);
  let overwritten = 0;
  for (const extent of extents) {
    const held = new Map(
      pagesOn(base, superblock, extent).map(({ slot, header }) => [slot, header]),
    );
    for (const { submitted, pages } of pageWritesOf(history, superblock, extent)) {
      const tail = tailAt(updates, submitted, superblock.tail.pageSeq);
      for (const { slot, header } of pages) {
        const before = held.get(slot);
        held.set(slot, header);
        expect(header.pageSeq % layout.ringPages).toBe(slot);
        if (before === undefined || (before.flags & pageFlags.empty) !== 0) continue;
        if (before.pageSeq === header.pageSeq) {
          // The same page once more: a repair from the mirror, or the old one is of a dead epoch.
          expect(before.epoch).toBeLessThanOrEqual(header.epoch);
          continue;
        }
        expect(before.pageSeq, `event ${submitted}`).toBeLessThan(tail);
        overwritten += 1;
      }
    }
  }
  return overwritten;
}

function tailAt(updates: readonly SuperblockWrite[], at: number, initial: number): number {
  const durable = updates.filter(({ durableAt }) => durableAt < at);
  return Math.max(initial, ...durable.map(({ superblock }) => superblock.tail.pageSeq));
}

test('I8 the tail never passes a change that is not durable in place', async () => {
  let moves = 0;
  await fc.assert(
    fc.asyncProperty(
      setups(),
      scripts({ minLength: 40, maxLength: 60 }, busy),
      async (setup, steps) => {
        moves += await checkTailMoves(setup, steps, 8);
      },
    ),
    runs(16),
  );
  expect(moves).toBeGreaterThan(60);
});

/** With the drive of this seed, a page that confirms stands between the batches of a transaction. */
const splitByConfirmation: readonly Step[] = [
  { kind: 'write', block: 15, count: 1 },
  { kind: 'transaction', blocks: [18] },
  { kind: 'transaction', blocks: [3, 11, 12, 6, 13, 9] },
  { kind: 'transaction', blocks: [9, 2, 3] },
  { kind: 'write', block: 4, count: 1 },
  { kind: 'transaction', blocks: [18, 9, 0, 16, 8] },
  { kind: 'transaction', blocks: [10, 6, 11, 1, 5] },
];

test('I8 the tail never comes to rest inside a transaction, also where a strict journal has put a page between its batches', async () => {
  let moves = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ mode: ['journal'], strict: [true], ringPages: [32], pageBytes: [4096] }),
      scripts({ minLength: 6, maxLength: 12 }, { write: 4, transaction: 4 }),
      fc.nat(1000),
      async (setup, steps, seed) => {
        moves += await checkTailMoves(setup, steps, seed);
      },
    ),
    {
      ...runs(40),
      examples: [
        [plainSetup({ strict: true, idleWatermark: true, cache: 'none' }), splitByConfirmation, 70],
      ],
    },
  );
  expect(moves).toBeGreaterThan(40);
});

/** Answers how often the tail moved. */
async function checkTailMoves(setup: Setup, steps: readonly Step[], seed: number): Promise<number> {
  const fresh = await start(setup);
  const run = await runScript({ ...fresh, image: fresh.image.fork(), steps, seed });
  let moves = 0;
  let tail = 0;
  for (const update of superblockWritesOf(run.history, setup.geometry)) {
    if (update.superblock.tail.pageSeq === tail) continue;
    tail = update.superblock.tail.pageSeq;
    moves += 1;
    const state = withoutWhatTailPassed(run, update, fresh);
    judge(run, state, (await recovered(state, setup)).contents);
  }
  return moves;
}

/**
 * The moment of the update's submission with everything lost that may be lost, but for the update
 * itself, and with every page that it gives up gone: what follows may write over them at once.
 */
function withoutWhatTailPassed(
  run: ScriptRun,
  { submitted, superblock, payload }: SuperblockWrite,
  fresh: Formatted,
): CrashedState {
  const image = durableOnly(run.history, submitted);
  const slots = superblockSlots(run.setup.geometry);
  for (const slot of pairOf(superblock.sequence)) image.writeBytes(slots[slot]!, payload);
  const { layout, tail, doubleWrite } = superblock;
  const { ringPages, pageBytes } = layout;
  const extents = [layout.extents.ring, ...(doubleWrite === 'full' ? [mirrorExtent(layout)] : [])];
  for (const extent of extents) {
    for (const { slot, header } of pagesOn(image, superblock, extent)) {
      if (header.pageSeq >= tail.pageSeq || header.pageSeq < tail.pageSeq - ringPages) continue;
      const at = extent.byteOffset + slot * pageBytes;
      image.writeBytes(at, bytesAt(fresh.image, at, pageBytes));
    }
  }
  const windows = [{ firstSeq: submitted, endSeq: submitted + 1 }];
  const judged = ledgerWindowsOf(run.history, { windows }).map(({ window }) => window);
  return { index: 0, digest: `${submitted}`, image, bornAt: submitted, windows: judged };
}

test('I24 a block in place never goes back to an older version, in no crash and no recovery', async () => {
  let written = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ mode: ['journal'] }),
      scripts({ minLength: 30, maxLength: 50 }, { ...busy, append: 0, release: 0 }),
      async (setup, steps) => {
        const run = await runScript({ ...(await start(setup)), steps, seed: 24 });
        written += checkVersions(run.history, setup);
        for (const state of crashStates(run.history, { statesMax: 25 })) {
          checkInPlace(run, state);
          const { history } = await recovered(state, setup);
          written += checkVersions(history, setup);
        }
      },
    ),
    runs(8),
  );
  expect(written).toBeGreaterThan(300);
});

/** Every write in place is of a newer version than what is there, and none overtakes another. */
function checkVersions(history: History, { geometry }: Setup): number {
  const { base } = history.deviceOf(0);
  const { data } = newestOn(base, geometry).layout.extents;
  const versions = new Map<number, number>();
  const busyUntil = new Map<number, number>();
  const writes = blockWritesOf(history, data);
  for (const { block, bytes, submitted, completed } of writes) {
    const at = data.byteOffset + block * blockBytes;
    const before = versions.get(block) ?? wholeVersion(bytesAt(base, at, blockBytes), block) ?? 0;
    const version = wholeVersion(bytes, block);
    expect(version, `block ${block} is written whole`).toBeDefined();
    expect(version, `block ${block} at event ${submitted}`).toBeGreaterThanOrEqual(before);
    expect(submitted).toBeGreaterThan(busyUntil.get(block) ?? 0);
    versions.set(block, version!);
    busyUntil.set(block, completed);
  }
  return writes.length;
}

/** What the log has given up is in place, or something newer is, there or in the log. */
function checkInPlace({ operations, setup }: ScriptRun, { image, windows }: CrashedState): void {
  const { layout, tail } = newestOn(image, setup.geometry);
  const acked = operations.filter(({ ackedAt }) => ackedAt <= windows[0]!.first);
  const owed = new Map<number, Operation>();
  for (const operation of acked) {
    for (const block of operation.blocks.keys()) owed.set(block, operation);
  }
  for (const [block, { lsn, version }] of owed) {
    if (lsn! >= tail.nextLsn) continue;
    const bytes = bytesAt(image, layout.extents.data.byteOffset + block * blockBytes, blockBytes);
    expect(wholeVersion(bytes, block), `block ${block}`).toBeGreaterThanOrEqual(version);
  }
}

/** The version that the block holds; undefined where it is not whole, or was never written. */
function wholeVersion(bytes: Uint8Array, block: number): number | undefined {
  const words = new Uint32Array(bytes.slice().buffer);
  const version = words[1]!;
  const isWhole =
    words[0] === block && words.every((word, index) => index === 0 || word === version);
  return isWhole ? version : undefined;
}

async function start(setup: Setup): Promise<Formatted & { readonly setup: Setup }> {
  return { ...(await formatted(setup)), setup };
}
