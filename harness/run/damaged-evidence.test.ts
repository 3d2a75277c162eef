/**
 * A run directory in which anything was truncated, changed, lost or emptied is never judged a pass:
 * either the cell comes out inconclusive with the file named, or judging stops with an error.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../contract/index.ts';
import { replayState } from './replay-state.ts';
import { RunDirectory } from './run-directory.ts';
import { readyScenario, runInTest, temporaryDirectory } from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const cellFiles = [
  'scenario.json',
  'round-0.history',
  'round-0.ledger',
  'round-0.live.json',
  'states.jsonl',
  'verdict.json',
].map((name) => path.join('cells', 'small', name));

type Damage = (file: string, random: Random) => void;

const damages: readonly (readonly [string, Damage])[] = [
  ['missing', remove],
  ['emptied', empty],
  ['cut in half', keepOf((byteCount) => byteCount >> 1)],
  ['without its last byte', keepOf((byteCount) => byteCount - 1)],
  ['with a byte more', keepOf((byteCount) => byteCount + 1)],
  ...[1, 2, 3].map((n) => [`with a flipped bit (${n})`, flipBit] as const),
];

function remove(file: string): void {
  fs.unlinkSync(file);
}

function empty(file: string): void {
  fs.truncateSync(file);
}

function keepOf(newSize: (byteCount: number) => number): Damage {
  return (file) => {
    fs.truncateSync(file, newSize(fs.statSync(file).size));
  };
}

function flipBit(file: string, random: Random): void {
  const bytes = fs.readFileSync(file);
  const at = random.below(bytes.length);
  bytes[at] = bytes[at]! ^ (1 << random.below(8));
  fs.writeFileSync(file, bytes);
}

async function verifyCopy(directory: string): Promise<{ status: string; reason: string }> {
  try {
    const { verdict } = await verifyRun({
      directory: RunDirectory.open(directory),
      jobs: 1,
      signal: new AbortController().signal,
      command: 'powercut verify',
      emit: () => undefined,
    });
    return verdict;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { status: `error ${code ?? ''}`, reason: message };
  }
}

async function savedRun(): Promise<string> {
  const explore = { rounds: 1, states: 30, nestedStates: 6 };
  const { directory, summary } = await runInTest([await readyScenario({ explore })]);
  expect(summary.exitCode).toBe(0);
  return directory.path;
}

describe('a run directory', () => {
  it.each([...cellFiles, 'run.json'])(
    'is not judged a pass when %s is damaged (@req D5)',
    async (name) => {
      const original = await savedRun();
      const copies = temporaryDirectory();
      const random = createRandom(name);
      for (const [index, [what, damage]] of damages.entries()) {
        const copy = path.join(copies, String(index));
        fs.cpSync(original, copy, { recursive: true });
        damage(path.join(copy, name), random.fork(what));
        const { status, reason } = await verifyCopy(copy);
        expect(['inconclusive', 'error EVIDENCE_DAMAGED'], `${name} ${what}`).toContain(status);
        expect(reason, what).toMatch(/damaged|cannot read|not listed/);
      }
    },
  );

  it.each(damages.slice(0, 3))(
    'is not judged a pass when its digests are %s',
    async (_, damage) => {
      const directory = await savedRun();
      damage(path.join(directory, 'SHA256SUMS'), createRandom(1));
      const { status, reason } = await verifyCopy(directory);
      expect(['inconclusive', 'error EVIDENCE_DAMAGED']).toContain(status);
      expect(reason).toMatch(/not listed/);
    },
  );

  it('is judged a pass when nothing is damaged', async () => {
    expect(await verifyCopy(await savedRun())).toMatchObject({ status: 'pass' });
  });

  it('does not replay a state from damaged evidence', async () => {
    const directory = await savedRun();
    flipBit(path.join(directory, 'cells', 'small', 'round-0.history'), createRandom(1));
    await expect(replayState(RunDirectory.open(directory), 'small:0:3')).rejects.toMatchObject({
      code: 'EVIDENCE_DAMAGED',
    });
  });

  it('says so where the last line of events.jsonl is torn', async () => {
    const directory = await savedRun();
    const file = path.join(directory, 'events.jsonl');
    fs.truncateSync(file, fs.statSync(file).size - 5);
    expect(() => RunDirectory.open(directory).loadEvents()).toThrow(/events\.jsonl is damaged/);
  });

  it('lists what sha256sum --check accepts', async () => {
    const directory = await savedRun();
    const lines = fs.readFileSync(path.join(directory, 'SHA256SUMS'), 'utf8').trim().split('\n');
    const names = lines.map((line) => line.slice(66));
    for (const name of [...cellFiles, 'run.json', 'events.jsonl']) expect(names).toContain(name);
  });

  it('is made only once', async () => {
    const directory = await savedRun();
    expect(() => RunDirectory.create(directory)).toThrow(/holds a run already/);
  });

  it('is pointed to by latest only among the results', () => {
    const parent = temporaryDirectory();
    const mine = path.join(parent, 'mine');
    fs.mkdirSync(mine);
    RunDirectory.create(path.join(mine, 'run'));
    expect(fs.existsSync(path.join(mine, 'latest'))).toBe(false);
    RunDirectory.create(path.join(parent, 'results', 'run'));
    expect(fs.readlinkSync(path.join(parent, 'results', 'latest'))).toBe('run');
  });
});
