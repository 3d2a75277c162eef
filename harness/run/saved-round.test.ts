import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { recordRound } from './record-round.ts';
import { gapsOf } from './round-gaps.ts';
import { RunDirectory } from './run-directory.ts';
import { loadRound, saveRound } from './saved-round.ts';
import { readyScenario, temporaryDirectory } from './scenario.fixture.ts';

it('keeps why a history is not the whole, so that judging again finds the same gap (@req D5)', async () => {
  const record = await recordRound(await readyScenario(), 0);
  const directory = RunDirectory.create(path.join(temporaryDirectory(), 'run'));
  const gap = 'the log leaves open which of two writes came last';
  saveRound(directory, 'whole', record);
  saveRound(directory, 'partial', { ...record, gap });
  expect(gapsOf(loadRound(directory, 'whole', 0), 4)).toEqual([]);
  expect(gapsOf(loadRound(directory, 'partial', 0), 4)).toEqual([gap]);
  fs.writeFileSync(path.join(directory.path, 'cells', 'partial', 'round-0.gap.json'), '""');
  expect(() => loadRound(directory, 'partial', 0)).toThrow(/round-0\.gap\.json/);
});
