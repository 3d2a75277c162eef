import { describe, expect, it } from 'vitest';
import type { ToolAnswer } from '../../../harness/contract/index.ts';
import { blockOf, open, type Twin } from '../twin.fixture.ts';
import { dump } from './dump.ts';
import { emptyTwin, quiet, siteOf, wholeImage, withRot, writtenTwin } from './tool-site.fixture.ts';

async function dumped(twin: Twin, options: Record<string, unknown>): Promise<ToolAnswer[]> {
  const items: ToolAnswer[] = [];
  for await (const item of dump(siteOf(twin, options))) items.push(item);
  return items;
}

function ofKind(items: readonly ToolAnswer[], kind: string): Record<string, unknown>[] {
  return items.map(({ data }) => data).filter((data) => data['kind'] === kind);
}

describe.each([4096, 512])('dump, with logical blocks of %i bytes', (logicalBlockBytes) => {
  it('shows the pages of the log in order, and where it ends', async () => {
    const items = await dumped(await writtenTwin(logicalBlockBytes), {});
    const pages = ofKind(items, 'page');
    expect(pages.map(({ page }) => page)).toEqual(Array.from({ length: 24 }, (_, at) => 64 + at));
    expect(pages.every(({ state }) => state === 'current')).toBe(true);
    expect(ofKind(items, 'rest')).toEqual([{ kind: 'rest', pages: 40 }]);
  });

  it('decodes every record once, also those that run over the end of a page', async () => {
    const records = ofKind(
      await dumped(await writtenTwin(logicalBlockBytes), { records: true }),
      'record',
    );
    expect(records.map(({ lsn }) => lsn)).toEqual(Array.from({ length: 15 }, (_, at) => at + 1));
    expect(records.every(({ isWhole }) => isWhole)).toBe(true);
    const names = records.map(({ name }) => name);
    expect(names.filter((name) => name === 'BlockWrite')).toHaveLength(12);
    expect(names.slice(0, 2)).toEqual(['EpochStart', 'SegHdr']);
    const afterTwo = 30 + 64 + 30 + 24;
    expect(records[2]).toMatchObject({ page: 64, bodyOffset: afterTwo, payloadBytes: 16 + 4096 });
  });

  it('begins with the page that holds an LSN, and leaves out records before it', async () => {
    const twin = await writtenTwin(logicalBlockBytes);
    const items = await dumped(twin, { fromLsn: 9, count: 2, records: true });
    expect(ofKind(items, 'record')[0]).toMatchObject({ lsn: 9, name: 'BlockWrite' });
    expect(ofKind(items, 'page')).toHaveLength(2);
    await expect(dumped(twin, { fromLsn: 1, count: 1 })).resolves.toHaveLength(2);
    const toTheEnd = ofKind(await dumped(twin, { fromPage: 80 }), 'page');
    expect(toTheEnd.map(({ page }) => page)).toEqual([80, 81, 82, 83, 84, 85, 86, 87]);
  });

  it.each([4, 5])('goes on behind a damaged page of two that hold a record (%i)', async (slot) => {
    const twin = withRot(await writtenTwin(logicalBlockBytes), slot * 4096 + 900);
    const items = await dumped(twin, { records: true });
    expect(ofKind(items, 'page')[slot]).toMatchObject({
      page: 64 + slot,
      state: 'rotten',
      envelope: null,
    });
    const lsns = ofKind(items, 'record').map(({ lsn }) => lsn);
    expect(lsns).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });
});

describe('dump', () => {
  it('names the pages of earlier laps and of epochs that ended', async () => {
    const twin = await emptyTwin();
    let journal = await open(twin, quiet);
    for (let index = 0; index < 60; index++) await journal.write(index, blockOf(index, 1));
    await journal.close();
    journal = await open(twin, quiet);
    await journal.write(1, blockOf(1, 2));
    const states = ofKind(await dumped(twin, { count: 64 }), 'page').map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['current', 'retired']));
    expect(states.filter((state) => state === 'current')).toHaveLength(2);
  });

  it('shows the bytes of one page', async () => {
    const [, page] = await dumped(await writtenTwin(), { fromPage: 70, count: 1, hex: true });
    expect(page!.data).toMatchObject({ page: 70, slot: 6 });
    expect(String(page!.data['hex'])).toMatch(/^4e4a5047/);
    expect(String(page!.text[1])).toContain('0000  4e 4a 50 47');
  });

  it('shows envelopes alone where pages are encrypted and there is no key (@req C7)', async () => {
    const encryption = { insecureTestKey: 3 };
    const twin = await writtenTwin(512, { ...quiet, encryption });
    const without = await dumped(twin, { records: true });
    expect(ofKind(without, 'page').length).toBeGreaterThan(20);
    // The page that begins the epoch is never encrypted.
    expect(ofKind(without, 'record').every(({ page }) => page === 64)).toBe(true);
    expect(ofKind(without, 'note')[0]).toMatchObject({
      note: expect.stringContaining('encrypted') as string,
    });
    const withKey = ofKind(await dumped(twin, { records: true, encryption }), 'record');
    expect(withKey.map(({ lsn }) => lsn)).toEqual(Array.from({ length: 15 }, (_, at) => at + 1));
  });

  it('changes no byte of the medium', async () => {
    const twin = await writtenTwin(512);
    const before = wholeImage(twin);
    await dumped(twin, { records: true, hex: true, count: 64 });
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });
});
