/** Of a log in which a stretch is unknown the parts are judged, and the later ones begin amid the workload. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { History } from '../../drive/history.ts';
import { unitsOf } from '../../drive/unit.ts';
import { ResourceLedger } from '../resources.ts';
import { temporaryDirectory } from '../scenario.fixture.ts';
import { FileExplorer } from './file-explorer.ts';
import type { FileRoundEvidence } from './file-round.ts';
import { canServeTwins, readyFileScenario } from './file-scenario.fixture.ts';
import { recordFiles } from './record-files.ts';

beforeEach(() => {
  vi.stubEnv('TMPDIR', temporaryDirectory());
});

afterEach(() => {
  const left = fs.readdirSync(path.join(process.env['TMPDIR']!, 'powercut'));
  vi.unstubAllEnvs();
  expect(left).toEqual([]);
});

const budget = { states: 4, nestedStates: 0 };

/** The last crash state of a whole record, as what the drive held when a part of one begins. */
function lastOf(explorer: FileExplorer): History {
  const { history: whole, ledger } = explorer.evidence;
  const part = new History({ now: () => 0 });
  const base = explorer.imageOf({ bornAt: whole.end, choices: [] });
  part.addDevice({ ...whole.devices[0]!, base });
  part.mark(0);
  part.mark(ledger.end);
  // The last block of so small a file system is no file's.
  writeBlock(part, base.unitCount - 1);
  return part;
}

/** Something that happens, so that there is a crash state after it. */
function writeBlock(history: History, lba: number): void {
  const payload = new Uint8Array(4096).fill(0x61);
  const units = unitsOf(payload, payload.length);
  const request = { device: 0, lba, blockCount: 1, fua: true, payload, units };
  const submitted = history.submitWrite({ ...request, landsAtUnit: lba, inFlight: 'all' });
  history.completeWrite(submitted, {
    answer: 'ok',
    byteCount: payload.length,
    effect: 'whole',
    landed: 'all',
    durable: true,
  });
}

describe.skipIf(!canServeTwins)('a part that begins when there are files', () => {
  it('is judged by all of them, as none was there when the file system was made', async () => {
    await using resources = ResourceLedger.open();
    const ready = await readyFileScenario();
    const { signal: stop } = new AbortController();
    const record = await recordFiles({
      ready,
      round: 0,
      resources,
      stop,
      onProgress: () => undefined,
    });
    const whole = new FileExplorer(ready, record, budget);
    const outcomeOf = async (evidence: FileRoundEvidence): Promise<string> => {
      const explorer = new FileExplorer(ready, evidence, budget);
      await using mounter = await explorer.openMounter(resources);
      return (await explorer.judge(explorer.plan.states.length - 1, mounter)).outcome;
    };
    const part = { round: 1, history: lastOf(whole), ledger: record.ledger };
    expect(await outcomeOf({ ...part, fresh: whole.freshImage })).toBe('intact');
    // What would be said if it were taken for freshly made: its files count as none of the workload's.
    expect(await outcomeOf(part)).toBe('violated');
  });
});
