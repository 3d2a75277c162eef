import { describe, expect, test } from 'vitest';
import { parseStatus } from './device-mapper-log-writes.ts';
import { Mapping, removeMapping } from './device-mapper.ts';

const held: string[] = [];
const resources = { holdMapping: (name: string) => held.push(name) };
const table = { sectors: 8, target: 'linear', args: ['/dev/none', 0] };

describe('a mapping is refused before anything is done', () => {
  test.each(['', 'data', 'powercut-', 'powercut-A', 'powercut-a b', 'powercut-a/../b'])(
    'by its name: %j',
    async (name) => {
      await expect(Mapping.create(name, table, resources)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
      await expect(removeMapping(name)).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
      expect(held).toEqual([]);
    },
  );

  test.each([
    ['no sectors', { ...table, sectors: 0 }],
    ['half a sector', { ...table, sectors: 0.5 }],
    ['a word with white space', { ...table, args: ['/dev/a b'] }],
    ['a second line', { ...table, args: ['/dev/a\n0 8 zero'] }],
    ['an empty word', { ...table, args: [''] }],
  ])('by its table: %s', async (_, bad) => {
    await expect(Mapping.create('powercut-a', bad, resources)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(held).toEqual([]);
  });
});

describe('the status of dm-log-writes', () => {
  test('says how much was logged, and whether it still is', () => {
    expect(parseStatus(['117', '18071'])).toEqual({
      entries: 117,
      highestSector: 18071,
      isLogging: true,
    });
    expect(parseStatus(['14', '2047', 'logging_disabled']).isLogging).toBe(false);
  });

  test('that cannot be read is not taken for a good one', () => {
    expect(() => parseStatus([])).toThrow(/expected two numbers/);
    expect(() => parseStatus(['Error', 'x'])).toThrow(/expected two numbers/);
  });
});
