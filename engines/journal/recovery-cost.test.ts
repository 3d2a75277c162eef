import { expect, test } from 'vitest';
import type { JournalOptions } from './config.ts';
import type { VolumeModeName } from './format/modes.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  smallOptions,
} from './twin.fixture.ts';

/** In blocks of the volume. */
const gibibyte = 2 ** 30 / 4096;

/** What a recovery asks of the drive after the same 20 writes, on a volume of that many blocks. */
async function recoveryCost(
  mode: VolumeModeName,
  dataBlocks: number,
): Promise<{ requests: number; written: number }> {
  const options: JournalOptions = { ...smallOptions, mode, dataBlocks };
  const geometry = driveGeometry({ capacityBlocks: 1024 + 2 * dataBlocks });
  const twin = await formattedTwin(geometry, options);
  const journal = await open(twin, options);
  for (let write = 0; write < 20; write++) await journal.write(3 * write, blockOf(3 * write, 1));
  const crashed = afterKill(twin);
  const { recovery } = await open(crashed, options);
  return { requests: crashed.drive.counters.requests, written: recovery.blocksWritten };
}

test.each(['journal', 'undo-redo', 'none'] as const)(
  '@req B5: in mode %s a recovery takes as many requests on a volume of 64 GiB as on one of 1 GiB',
  async (mode) => {
    const small = await recoveryCost(mode, gibibyte);
    expect(small.requests).toBeGreaterThan(0);
    expect(await recoveryCost(mode, 64 * gibibyte)).toEqual(small);
  },
);

test('@req B5: in a mapped mode only the reading of the map grows with the volume', async () => {
  const small = await recoveryCost('ordered', 1024);
  const large = await recoveryCost('ordered', 64 * 1024);
  expect(large.written).toBe(small.written);
  expect(large.requests - small.requests).toBeLessThan(64);
});
