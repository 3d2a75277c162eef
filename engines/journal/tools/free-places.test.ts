import { expect, test } from 'vitest';
import { checkJournal } from './check.ts';
import { checkText } from './check-text.ts';
import { inspectJournal } from './info.ts';
import { infoText } from './info-text.ts';
import { mapPageBytes } from '../format/map-page.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  type Twin,
} from '../twin.fixture.ts';
import { siteOf } from './tool-site.fixture.ts';

const ordered = { ...smallOptions, mode: 'ordered', dataBlocks: 600 } as const;

/** Closed, opened again, and killed before anything was written. */
async function mappedTwin(): Promise<{ readonly twin: Twin; readonly mapAt: number }> {
  const twin = await formattedTwin(driveGeometry(), ordered);
  const journal = await open(twin, ordered);
  for (let block = 0; block < 20; block++) await journal.write(block, blockOf(block, 1));
  await journal.close();
  await open(twin, ordered);
  return { twin: afterKill(twin), mapAt: journal.layout.extents.map.byteOffset };
}

test('info and check show the page of free places (@req C8)', async () => {
  const { twin, mapAt } = await mappedTwin();
  const shown = { byteOffset: mapAt + 3 * mapPageBytes, state: 'right', places: 655, runs: 1 };
  const info = await inspectJournal(siteOf(twin));
  expect(info.freePlaces).toMatchObject(shown);
  expect(JSON.stringify(infoText(info))).toContain('in use, 655 in 1 runs as of LSN');
  const report = await checkJournal(siteOf(twin));
  expect(report).toMatchObject({ verdict: 'clean', freePlaces: shown });
});

test('a damaged page of free places is nothing that check minds', async () => {
  const { twin, mapAt } = await mappedTwin();
  overwrite(twin, mapAt + 3 * mapPageBytes + 64, Uint8Array.of(0));
  const report = await checkJournal(siteOf(twin));
  expect(report).toMatchObject({ verdict: 'clean', freePlaces: { state: 'damaged' } });
  expect(JSON.stringify(checkText(report))).toContain('damaged, and ignored');
});

test('check reads all of the map: damage that no open would notice is corrupt', async () => {
  const { twin, mapAt } = await mappedTwin();
  overwrite(twin, mapAt + 2 * mapPageBytes + 700, Uint8Array.of(9));
  const report = await checkJournal(siteOf(twin));
  expect(report).toMatchObject({ verdict: 'corrupt', rule: undefined, lost: undefined });
  expect(report.conclusion).toContain('page 2 of the block map');
  expect(report.recovery).toMatchObject({ opens: true, damage: { reason: 'corrupt' } });
});
