import { expect, test } from 'vitest';
import type { Benchmark } from './benchmark.ts';
import { benchmarkFiles } from './benchmark-files.ts';

test('there are benchmarks', () => {
  expect(benchmarkFiles().length).toBeGreaterThan(2);
});

test.each(benchmarkFiles())('%s still runs and gives figures', async (file) => {
  const { default: benchmark } = (await import(file)) as { default: Benchmark };
  const rows = await benchmark.run('smoke');
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row.value, row.what).toBeGreaterThan(0);
});
