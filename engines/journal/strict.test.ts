import { describe, expect, test } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
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
} from './twin.fixture.ts';

const strict = { ...smallOptions, idleWatermark: false, strict: true };
const ringAt = 2 ** 20;
const pageBytes = 4096;

function ringOf({ drive }: Twin): Uint8Array {
  const ring = new Uint8Array(64 * pageBytes);
  drive.image.read(ringAt, ring);
  return ring;
}

/** Puts back what the pages held that were written since, as a drive does that loses a write. */
function lose(twin: Twin, before: Uint8Array, page: number): void {
  const at = page * pageBytes;
  overwrite(twin, ringAt + at, before.subarray(at, at + pageBytes));
}

describe('a strict journal', () => {
  test.each([true, false])(
    'misses any one page of what it has acknowledged, the very last included; without STRICT the last goes unnoticed: strict is %s',
    async (isStrict) => {
      const options = { ...strict, strict: isStrict };
      const outcomes: string[] = [];
      for (let page = 0; page < 6; page++) {
        const twin = await formattedTwin(driveGeometry(), options);
        const before = ringOf(twin);
        const journal = await open(twin, options);
        for (let block = 0; block < 3; block++) await journal.write(block, blockOf(block, 9));
        const killed = afterKill(twin);
        lose(killed, before, page);
        const reopened = await open(killed, options).catch((error: unknown) => error as Error);
        if (reopened instanceof Error) outcomes.push('refused');
        else outcomes.push((await versionOf(reopened, 2).catch(() => 0)) === 9 ? 'whole' : 'lost');
      }
      expect(outcomes.includes('lost')).toBe(!isStrict);
      expect(outcomes.slice(0, 4)).toEqual(['refused', 'refused', 'refused', 'refused']);
    },
  );

  test('goes on over many laps of a small ring that is always full, with appended records in it', async () => {
    const tiny = { ...strict, ringPages: 32, segmentPages: 8, windowPages: 8, batchPagesMax: 4 };
    const twin = await formattedTwin(driveGeometry({ logicalBlockBytes: 512 }), tiny);
    const journal = await open(twin, tiny);
    const random = createRandom(4);
    let lsn = 0;
    for (let round = 0; round < 60; round++) {
      const writes = Array.from({ length: 8 }, (_, index) =>
        journal.write(index, blockOf(index, round)),
      );
      if (random.chance(1, 2)) lsn = await journal.append(0x8001, 0, 0, new Uint8Array(90));
      await Promise.all(writes);
      journal.release(lsn);
    }
    expect(await versionOf(journal, 7)).toBe(59);
    await journal.close();
  });

  test('is flushed and closed only when everything has been acknowledged', async () => {
    const twin = await formattedTwin(driveGeometry(), strict);
    const journal = await open(twin, strict);
    let isAcknowledged = false;
    void journal.write(1, blockOf(1, 1)).then(() => (isAcknowledged = true));
    await journal.flush();
    expect(isAcknowledged).toBe(true);
  });
});
