import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { refusedOptions, ignoredOptions } from './other-options.ts';
import { optionNames, optionOf } from './option-table.ts';
import { optionTables } from './option-page.fixture.ts';

const page = fileURLToPath(new URL('../../../docs/fio.md', import.meta.url));
const between = /(<!-- options: begin[^\n]*-->\n\n)([\s\S]*?)(\n\n<!-- options: end -->)/;

/** As the formatter leaves a table: without its padding. */
function unpadded(text: string): string {
  return text.replaceAll(/ +\|/g, ' |').replaceAll(/\| +/g, '| ').replaceAll(/-{3,}/g, '---');
}

test('the tables of docs/fio.md are those that job files are read with', () => {
  const text = fs.readFileSync(page, 'utf8');
  if (process.env['UPDATE_DOCS'] === '1') {
    const updated = text.replace(
      between,
      (_all, begin, _old, end) => `${begin}${optionTables()}${end}`,
    );
    fs.writeFileSync(page, updated);
  }
  const found = between.exec(fs.readFileSync(page, 'utf8'))?.[2] ?? 'no tables';
  expect(
    unpadded(found),
    'UPDATE_DOCS=1 npx vitest run --project unit harness/fio/job-file/option-page.test.ts',
  ).toBe(unpadded(optionTables()));
});

test('an option is in one of the tables, and in no two of them', () => {
  const others = [...Object.keys(ignoredOptions), ...Object.keys(refusedOptions)];
  expect(new Set(others).size).toBe(others.length);
  expect(others.filter((name) => optionOf(name) !== undefined)).toEqual([]);
  const tables = optionTables();
  for (const name of [...optionNames, ...others]) expect(tables).toContain(`\`${name}\``);
});
