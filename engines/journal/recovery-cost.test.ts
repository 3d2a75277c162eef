import { expect, test } from 'vitest';
import type { JournalOptions } from './config.ts';
import { volumeModes, type VolumeModeName } from './format/modes.ts';
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

interface Cost {
  readonly requests: number;
  readonly written: number;
  /** Of a write afterwards, and a clean close. */
  readonly requestsOfUse: number;
}

/** What a recovery asks of the drive after the same 20 writes, on a volume of that many blocks. */
async function recoveryCost(mode: VolumeModeName, dataBlocks: number): Promise<Cost> {
  const options: JournalOptions = { ...smallOptions, mode, dataBlocks };
  const geometry = driveGeometry({ capacityBlocks: 1024 + 2 * dataBlocks });
  const twin = await formattedTwin(geometry, options);
  const journal = await open(twin, options);
  for (let write = 0; write < 20; write++) await journal.write(3 * write, blockOf(3 * write, 1));
  const crashed = afterKill(twin);
  const recovered = await open(crashed, options);
  const written = recovered.recovery.blocksWritten;
  const requests = crashed.drive.counters.requests;
  await recovered.write(1, blockOf(1, 2));
  await recovered.close();
  return { requests, written, requestsOfUse: crashed.drive.counters.requests - requests };
}

test.each(volumeModes)(
  '@req B5: in mode %s a recovery takes as many requests on a volume of 64 GiB as on one of 1 GiB',
  async (mode) => {
    const small = await recoveryCost(mode, gibibyte);
    expect(small.requests).toBeGreaterThan(0);
    expect(await recoveryCost(mode, 64 * gibibyte)).toEqual(small);
  },
);
