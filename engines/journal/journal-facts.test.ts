import { expect, test } from 'vitest';
import { createRandom, type DeviceGeometry } from '../../harness/contract/index.ts';
import { createImage } from '../../harness/drive/image.ts';
import { SimDrive } from '../../harness/drive/sim-drive.ts';
import journal from './index.ts';
import type { JournalOptions } from './config.ts';
import { driveGeometry, formattedTwin, smallOptions } from './twin.fixture.ts';

async function factsOf(
  options: JournalOptions,
  { geometry = driveGeometry(), atOpen = {} }: { geometry?: DeviceGeometry; atOpen?: object } = {},
): Promise<Readonly<Record<string, unknown>>> {
  const twin = await formattedTwin(geometry, options);
  const config = journal.options.parse({ ...options, ...atOpen });
  const session = await journal.open({ main: twin.drive }, config, twin.platform);
  return session.facts!();
}

test('a journal says how it is kept', async () => {
  expect(await factsOf({ ...smallOptions, mode: 'ordered', strict: true })).toMatchObject({
    mode: 'ordered',
    pageBytes: 4096,
    ringBytes: 64 * 4096,
    doubleWrite: 'off',
    strict: true,
    encrypted: false,
  });
});

test('where there was a choice of durability paths, both medians stand beside what was chosen', async () => {
  const facts = await factsOf(smallOptions);
  const { journalFuaMedianNs: fua, journalFlushMedianNs: flush } = facts as Record<string, number>;
  expect(fua).toBeGreaterThan(0);
  expect(flush).toBeGreaterThan(0);
  expect(facts['journalDurability']).toBe(fua! <= flush! ? 'fua' : 'flush');
});

test('where the drive left no choice there is no median', async () => {
  const facts = await factsOf(smallOptions, { geometry: driveGeometry({ writeCache: 'none' }) });
  expect(facts).toMatchObject({ journalDurability: 'none' });
  expect(Object.keys(facts).filter((name) => name.endsWith('Ns'))).toEqual([]);
});

test.each(['fua', 'flush', 'none'] as const)(
  'a path that was asked for at open is the one in force: %s',
  async (durability) => {
    const facts = await factsOf(smallOptions, { atOpen: { durability } });
    expect(facts['journalDurability']).toBe(durability);
  },
);

test('of a key there is the beginning of its name, and nothing of the key', async () => {
  const facts = await factsOf({ ...smallOptions, encryption: { insecureTestKey: 7 } });
  expect(facts).toMatchObject({ encrypted: true });
  expect(facts['keyIdBegins']).toMatch(/^[0-9a-f]{8}$/);
});

test('a data device of its own has a path of its own', async () => {
  const twin = await formattedTwin();
  const geometry = driveGeometry({ supportsFua: false });
  const data = new SimDrive({
    name: 'data',
    device: 1,
    timeline: twin.timeline,
    geometry,
    image: createImage(geometry, 1),
    random: createRandom(1),
  });
  const devices = { main: twin.drive, data };
  const config = journal.options.parse(smallOptions);
  await journal.format(devices, config, twin.platform);
  const facts = (await journal.open(devices, config, twin.platform)).facts!();
  expect(facts['dataDurability']).toBe('flush');
  expect(facts['dataFuaMedianNs']).toBeUndefined();
  expect(facts['journalFuaMedianNs']).toBeGreaterThan(0);
});
