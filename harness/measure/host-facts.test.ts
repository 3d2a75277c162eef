import { expect, test } from 'vitest';
import { collectHostFacts } from './host-facts.ts';

test('every fact of this machine is filled in', async () => {
  const facts = await collectHostFacts();
  expect(facts.kernel).toMatch(/^\w+ \S+ \w+$/);
  expect(facts.node).toBe(process.version);
  expect(facts.cpuModel).not.toBe('');
  expect(facts.cpuCount).toBeGreaterThan(0);
  expect(facts.memoryBytes).toBeGreaterThan(2 ** 20);
  expect(Object.values(facts.machine ?? {})).not.toContain('');
  expect(facts.machine).toHaveProperty('CPU governor');
  expect(facts).not.toHaveProperty('device');
});

test('facts of the opened device are kept as they are', async () => {
  const device = { model: 'Example <1>', writeCache: true };
  expect((await collectHostFacts(device)).device).toEqual(device);
});
