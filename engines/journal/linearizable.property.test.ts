/**
 * On one node, reads and writes of a block are those of a register (REQUIREMENTS C11): each takes
 * effect at one moment between its begin and its end, whatever goes on at the same time.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import type { JournalOptions } from './config.ts';
import { volumeModes } from './format/modes.ts';
import type { Journal } from './journal.ts';
import {
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
  versionOf,
} from './twin.fixture.ts';

interface Operation {
  readonly kind: 'read' | 'write';
  readonly version: number;
  /** Places in the one order in which operations began and ended. */
  readonly began: number;
  readonly ended: number;
}

/**
 * Whether there is an order of the operations that respects their intervals and in which each read
 * gives the version written last. Every version is written once, so the operations of a version are a
 * cluster, and the clusters decide it (Gibbons and Korach, "Testing shared memories", 1997).
 */
function isLinearizable(operations: readonly Operation[]): boolean {
  const versions = [...new Set(operations.map(({ version }) => version))];
  const zones = versions.map((one) => zoneOf(operations.filter(({ version }) => version === one)));
  if (zones.includes(undefined)) return false;
  const known = zones.filter((zone) => zone !== undefined);
  const forward = known.filter(({ isForward }) => isForward);
  return known.every((zone) =>
    forward.every(
      (other) =>
        zone === other ||
        (zone.isForward
          ? zone.to < other.from || other.to < zone.from
          : !(other.from < zone.from && zone.to < other.to)),
    ),
  );
}

interface Zone {
  readonly isForward: boolean;
  readonly from: number;
  readonly to: number;
}

/**
 * From the first end to the last begin of a version's operations: where that is forward, the version
 * was the register's for all of it. Undefined where it was read and never written, or before it was.
 */
function zoneOf(cluster: readonly Operation[]): Zone | undefined {
  const write = cluster.find(({ kind }) => kind === 'write');
  if (write === undefined || cluster.some(({ ended }) => ended < write.began)) return undefined;
  const firstEnd = Math.min(...cluster.map(({ ended }) => ended));
  const lastBegin = Math.max(...cluster.map(({ began }) => began));
  const isForward = firstEnd < lastBegin;
  return { isForward, from: Math.min(firstEnd, lastBegin), to: Math.max(firstEnd, lastBegin) };
}

/** Writers and readers at once on a few blocks; answers what each block's register was asked and said. */
async function observe(journal: Journal, seed: number): Promise<Map<number, Operation[]>> {
  const random = createRandom(seed).fork('operations');
  const registers = new Map<number, Operation[]>();
  let moment = 0;
  let version = 0;
  const timed = async (block: number, kind: Operation['kind']): Promise<void> => {
    const began = ++moment;
    const written = kind === 'write' ? ++version : 0;
    if (kind === 'write') await journal.write(block, blockOf(block, written));
    const seen = kind === 'read' ? await versionOf(journal, block) : written;
    registers.get(block)!.push({ kind, version: seen, began, ended: ++moment });
  };
  for (let block = 0; block < 3; block++) {
    registers.set(block, []);
    await timed(block, 'write');
  }
  const client = async (): Promise<void> => {
    for (let count = 0; count < 12; count++) {
      await timed(random.below(3), random.below(5) < 2 ? 'write' : 'read');
    }
  };
  await Promise.all(Array.from({ length: 6 }, client));
  return registers;
}

test.each(volumeModes)(
  '@req C11: in mode %s the blocks are linearizable registers for concurrent readers and writers',
  async (mode) => {
    const options: JournalOptions = { ...smallOptions, mode };
    await fc.assert(
      fc.asyncProperty(fc.nat(10_000), async (seed) => {
        const journal = await open(await formattedTwin(driveGeometry(), options, seed), options);
        for (const [block, operations] of await observe(journal, seed)) {
          expect(isLinearizable(operations), `block ${block}`).toBe(true);
        }
      }),
      { seed: 11, numRuns: 12 },
    );
  },
);

describe('the checker', () => {
  const write = (version: number, began: number, ended: number): Operation => ({
    kind: 'write',
    version,
    began,
    ended,
  });
  const read = (version: number, began: number, ended: number): Operation => ({
    ...write(version, began, ended),
    kind: 'read',
  });

  test.each<[string, readonly Operation[], boolean]>([
    ['a read of the newest version', [write(1, 1, 2), write(2, 3, 4), read(2, 5, 6)], true],
    [
      'either version while a write is under way',
      [write(1, 1, 2), write(2, 3, 8), read(1, 4, 5)],
      true,
    ],
    [
      'a read of a version that was overwritten',
      [write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)],
      false,
    ],
    ['a read of what was never written', [write(1, 1, 2), read(9, 3, 4)], false],
    ['a read of what was written later', [write(1, 1, 2), read(2, 3, 4), write(2, 5, 6)], false],
    [
      'a read of the new version and then of the old one',
      [write(1, 1, 2), write(2, 3, 10), read(2, 4, 5), read(1, 6, 7)],
      false,
    ],
  ])('says of %s: %#', (_what, operations, expected) => {
    expect(isLinearizable(operations)).toBe(expected);
  });
});
