/**
 * `npm run soak:interrupt [-- --runs N] [--seed S] [--only TEXT] [--alone] [--keep DIRECTORY]`: runs of
 * every rig, ended by SIGINT, SIGTERM or SIGKILL at moments of chance, and what is left on the machine
 * afterwards, which must be nothing: no mount, loop device, device-mapper device, process, socket or
 * temporary file. The seed decides scenario, signal and moment. `--only` takes the scenarios whose words
 * have the text; `--alone` counts whatever is new on the machine, also what cannot be told to be of
 * these runs; `--keep` keeps the run directories. Takes root; exits 1 if anything was left.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../harness/contract/index.ts';
import { inventory, type Mark } from './soak-inventory.ts';
import {
  describePlan,
  interruptRun,
  planInterruption,
  type InterruptedRun,
  type InterruptedScenario,
} from './soak-interrupted-run.ts';
import { exitCodeOf, stopOnSignals } from './soak-stop.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    alone: { type: 'boolean', default: false },
    keep: { type: 'string' },
  },
});

/** Of every rig, every kind of crash, and every kind of engine. */
const all: readonly InterruptedScenario[] = [
  { words: ['power-cut-random-write'], seconds: 8, resources: 1 },
  { words: ['ext4-ordered'], seconds: 12, resources: 14 },
  { words: ['xfs'], seconds: 12, resources: 14 },
  { words: ['power-cut-bank', '--rig', 'fuse'], seconds: 10, resources: 4 },
  { words: ['kill-on-loop-device'], seconds: 12, resources: 12 },
  { words: ['dm-flakey-ext4'], seconds: 50, resources: 5 },
  { words: ['dm-log-writes-journal'], seconds: 50, resources: 5 },
  { words: ['vm-kill-journal'], seconds: 70, resources: 12 },
];

const scenarios = all.filter(({ words }) => words.join(' ').includes(values.only));
if (scenarios.length === 0) throw new Error(`--only ${values.only} leaves no scenario`);
if (process.geteuid?.() !== 0) throw new Error('interrupted runs are on real devices: run as root');

const mark: Mark = {
  directory: fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'pc-')),
  variable: `POWERCUT_SOAK=${randomUUID()}`,
};
const runDirectories = values.keep ?? fs.mkdtempSync(path.join(os.tmpdir(), 'pc-runs-'));
const random = createRandom(Number(values.seed)).fork('interrupt');
const before = new Set(values.alone ? inventory(mark) : []);
const failed: string[] = [];
let interrupted = 0;
const stop = stopOnSignals();

for (let index = 0; index < Number(values.runs) && !stop.aborted; index++) {
  const plan = planInterruption(random.fork(`run-${index}`), scenarios);
  const directory = path.join(runDirectories, String(index));
  const run = await interruptRun(plan, mark, directory, stop);
  if (run.wasInterrupted) interrupted += 1;
  report(index, run);
}
const unclaimed = values.alone ? inventory(mark).filter((what) => !before.has(what)) : [];
for (const what of unclaimed) process.stdout.write(`left by some run: ${what}\n`);
fs.rmSync(mark.directory, { recursive: true, force: true });
if (values.keep === undefined) fs.rmSync(runDirectories, { recursive: true, force: true });
process.stdout.write(
  `${interrupted} runs interrupted, ${failed.length} left something or did not end as they should\n`,
);
process.exitCode = exitCodeOf(stop, failed.length + unclaimed.length === 0 ? 0 : 1);

function report(index: number, { plan, code, wasInterrupted, ...run }: InterruptedRun): void {
  const how = wasInterrupted ? `had ${run.thingsThen} things` : 'was over before';
  const ended = `ended in ${(run.tookMs / 1000).toFixed(1)} s with ${String(code)}`;
  const isWell = run.problems.length === 0;
  process.stdout.write(
    `${isWell ? 'ok' : 'FAILED'} ${index} ${describePlan(plan)}: ${how}, ${ended}\n`,
  );
  if (isWell) return;
  failed.push(describePlan(plan));
  for (const problem of run.problems) process.stdout.write(`  ${problem}\n`);
  process.stdout.write(`  it said: ${run.output.slice(-2000).replaceAll('\n', '\n    ')}\n`);
}
