import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { createBackingFile } from '../../harness/device/backing-file.ts';
import { openUringDevice } from '../../harness/device/uring-device.ts';
import { createRealPlatform } from '../../harness/rigs/real-platform.ts';
import { formatJournal } from './format-journal.ts';
import { openJournal } from './journal.ts';
import { blockOf, versionOf } from './twin.fixture.ts';

/** Large enough that the memory of a recovery is given back to the kernel when it is done. */
const options = { ringPages: 20_000, segmentPages: 5000, dataBlocks: 64 };
const fileBytes = 96 * 2 ** 20;

test('what recovery served from its memory stays right when that memory has been given back', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'powercut-large-ring-'));
  try {
    const file = path.join(directory, 'image');
    await createBackingFile(file, fileBytes);
    const platform = createRealPlatform();
    const payloads = Array.from({ length: 500 }, (_, index) =>
      new Uint8Array(3000).fill(index + 1),
    );
    {
      await using device = await openUringDevice(file);
      await formatJournal({ journal: device }, options, platform);
      await using journal = await openJournal({ journal: device }, options, platform);
      await Promise.all(payloads.map((payload) => journal.append(0x8001, 0, 0, payload)));
      for (let block = 0; block < 20; block++) await journal.write(block, blockOf(block, 7));
    }
    await using device = await openUringDevice(file);
    await using journal = await openJournal({ journal: device }, options, platform);
    expect(journal.recovery.blocksWritten).toBe(20);
    const found: Uint8Array[] = [];
    for await (const { payload } of journal.replay()) found.push(payload);
    expect(found).toEqual(payloads);
    expect(await versionOf(journal, 19)).toBe(7);
  } finally {
    await rm(directory, { recursive: true });
  }
});
