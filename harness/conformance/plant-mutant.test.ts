import { expect, test } from 'vitest';
import { plantPatch } from './plant-mutant.ts';

const plant = (text: string) => plantPatch('engines/journal', 'index.ts', 'planting-test', text);

const patchOf = (line: string): string =>
  [
    '--- a/engines/journal/errors.ts',
    '+++ b/engines/journal/errors.ts',
    '@@ -1,1 +1,1 @@',
    `-${line}`,
    '+// planted',
    '',
  ].join('\n');

test('a patch whose anchor is gone is an error, not a control that passes', () => {
  expect(() => plant(patchOf('no such line'))).toThrow(/does not apply to .*errors\.ts any more/);
});

test('a patch without a change is an error', () => {
  expect(() => plant('')).toThrow(/holds no change/);
});
