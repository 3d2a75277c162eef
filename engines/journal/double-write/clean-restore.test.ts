import { expect, test } from 'vitest';
import { generationBytes } from '../format/layout.ts';
import {
  afterKill,
  blockOf,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  versionOf,
} from '../twin.fixture.ts';

/**
 * A copy in the double-write area may be older than what its place holds, where a newer generation has
 * rotted. It is harmless only where the log brings the block forward again; after a clean close nothing
 * is replayed.
 */
test('after a clean close a rotten generation does not bring an older block back (@req C5)', async () => {
  const options = { ...smallOptions, doubleWrite: 'destage' } as const;
  const twin = await formattedTwin(undefined, options);
  for (const version of [1, 2]) {
    const journal = await open(twin, options);
    // Nobody releases it, so the log begins before both versions.
    if (version === 1) await journal.append(0x8001, 0, 0, Buffer.from('kept'));
    await journal.write(5, blockOf(5, version));
    await journal.close();
  }
  const again = afterKill(twin);
  const newest = 2 ** 20 + 0 * generationBytes;
  overwrite(again, newest, new Uint8Array(4096));
  const journal = await open(again, options);
  expect(await versionOf(journal, 5)).toBe(2);
});
