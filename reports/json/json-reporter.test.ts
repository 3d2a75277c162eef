import { expect, test } from 'vitest';
import { mixedRun, playRun, recordOutput } from '../run-summary.fixture.ts';
import jsonReporter from './index.ts';

test('report.json holds the summary whole and pretty, and nothing is printed', async () => {
  const output = recordOutput(false, 80);
  const summary = mixedRun();
  await playRun(jsonReporter.create(jsonReporter.options.parse({}), output), summary);
  const text = output.files.get('report.json') ?? '';
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(summary)));
  expect(text.split('\n').length).toBeGreaterThan(100);
  expect(text.endsWith('}\n')).toBe(true);
  expect(output.printed).toEqual([]);
});

test('an unknown option is refused by name', () => {
  expect(() => jsonReporter.options.parse({ indent: 4 })).toThrow('indent');
});
