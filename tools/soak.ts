/**
 * `npm run soak [-- --engine NAME] [--states N] [--seed S] [--only TEXT] [--each N] [--seconds N]
 * [--keep DIRECTORY]`: crash states of a correct engine in every combination of its options, until N
 * are judged: of the journal (soak-combinations.ts), or of ext4 or xfs on this kernel, which takes
 * root (soak-file-systems.ts). `--only` takes those whose name has the text; `--keep` makes a run
 * directory of what did not pass. Not one may be convicted, and nothing may stand in the way of
 * judging. Prints a line a scenario, goes on after a conviction so that one run shows them all, and
 * exits 1 if there was any, or anything else than a pass. SIGINT and SIGTERM end it early: it cleans up,
 * prints what it has seen so far and exits 130 or 143.
 */
import * as fs from 'node:fs';
import { availableParallelism } from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { blockWorkloadNames } from '../harness/cli/load-plugin.ts';
import { builtInUrl } from '../harness/cli/registry.ts';
import { journalSources } from '../harness/conformance/journal-scenarios.ts';
import { createRandom, type CellResult, type Scenario } from '../harness/contract/index.ts';
import { emptyCell } from '../harness/run/empty-cell.ts';
import { createExplorePool, type ExplorePool } from '../harness/run/explore-pool.ts';
import { loadAnySources } from '../harness/run/plugin-sources.ts';
import { RunDirectory } from '../harness/run/run-directory.ts';
import { runScenario } from '../harness/run/run-scenario.ts';
import { combinations, soakScenario } from './soak-combinations.ts';
import { fileSystemScenarios, isSoakedFileSystem } from './soak-file-systems.ts';
import { exitCodeOf, stopOnSignals } from './soak-stop.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'journal' },
    states: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    each: { type: 'string' },
    seconds: { type: 'string', default: 'Infinity' },
    keep: { type: 'string' },
  },
});
const statesWanted = Number(values.states);
const secondsMax = Number(values.seconds);
const startedMs = performance.now();
const stop = stopOnSignals();

const workloads = await blockWorkloadNames();
await using pool = createExplorePool(availableParallelism());
const sum = { scenarios: 0, states: 0, images: 0, detected: 0, acknowledged: 0 };
const notPassed: string[] = [];
for (const scenario of scenarios()) {
  const result = await runOne(scenario, pool);
  // What was cut short says nothing about the engine.
  if (stop.aborted) break;
  sum.scenarios += 1;
  sum.states += result.counts.statesJudged;
  sum.images += result.counts.imagesRecovered;
  sum.detected += result.counts.statesDetected;
  sum.acknowledged += result.counts.opsAcknowledged;
  printLine(result);
  if (result.verdict.status !== 'pass') {
    notPassed.push(scenario.name);
    printProblem(result);
  }
  if (sum.states >= statesWanted || secondsTaken() >= secondsMax) break;
}
printSum();
process.exitCode = notPassed.length > 0 ? 1 : exitCodeOf(stop, sum.states > 0 ? 0 : 1);

/** Seed after seed through all combinations, the states shared out evenly over the first. */
function* scenarios(): Generator<Scenario> {
  for (let seed = Number(values.seed); ; seed++) {
    const found = scenariosOf(seed).filter(({ name }) => name.includes(values.only));
    if (found.length === 0) return;
    yield* found;
  }
}

function scenariosOf(seed: number): readonly Scenario[] {
  const random = createRandom(seed).fork('soak');
  const { engine } = values;
  if (isSoakedFileSystem(engine)) {
    const states = Number(values.each ?? 500);
    const nestedStates = Math.floor(states / 10);
    return fileSystemScenarios(engine, random, { seed, states, nestedStates });
  }
  if (engine !== 'journal') throw new Error(`--engine ${engine}: expected journal, ext4 or xfs`);
  const all = combinations(random);
  const states = statesEach(all.length);
  return all.map((one, index) => soakScenario(one, { index, seed, states, workloads }));
}

/** Fewer than the least see too little of a run, more than the most see little that is new. */
function statesEach(count: number): number {
  if (values.each !== undefined) return Number(values.each);
  return Math.min(5000, Math.max(300, Math.ceil(statesWanted / count)));
}

/** A scenario that breaks is one that did not pass; the others are run all the same. */
async function runOne(scenario: Scenario, threads: ExplorePool): Promise<CellResult> {
  const sources = journalSources(scenario, (kind, name) => builtInUrl(kind, name)!.href);
  const ready = await loadAnySources(scenario, sources);
  const kept = values.keep === undefined ? undefined : path.join(values.keep, scenario.name);
  try {
    const result = await runScenario(ready, {
      id: scenario.name,
      ...(kept !== undefined && { directory: RunDirectory.create(kept) }),
      pool: threads,
      signal: stop,
      emit: () => undefined,
      now: () => performance.now(),
    });
    if (kept !== undefined && (result.verdict.status === 'pass' || stop.aborted)) {
      fs.rmSync(kept, { recursive: true });
    }
    return result;
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return emptyCell(ready, { status: 'error', reason });
  }
}

function printLine({ id, verdict, counts, tookMs }: CellResult): void {
  const rate = tookMs === 0 ? 0 : Math.round((counts.imagesRecovered / tookMs) * 1000);
  process.stdout.write(
    `${verdict.status} ${id}: ${counts.opsAcknowledged} acknowledged, ${counts.statesJudged} states, ` +
      `${counts.statesDetected} refused, ${rate} images/s, total ${sum.states}\n`,
  );
}

function printProblem({ scenario, verdict, failures }: CellResult): void {
  const [worst] = failures;
  const shown = { verdict, violation: worst?.violation, state: worst?.state, scenario };
  process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
}

function printSum(): void {
  process.stdout.write(
    `${sum.states} crash states judged in ${sum.scenarios} scenarios, ${sum.images} images recovered, ` +
      `${sum.detected} refused as the promise allows, ${sum.acknowledged} operations acknowledged, ` +
      `${notPassed.length} not passed in ${secondsTaken().toFixed(0)} s\n`,
  );
  for (const name of notPassed) process.stdout.write(`not passed: ${name}\n`);
}

function secondsTaken(): number {
  return (performance.now() - startedMs) / 1000;
}
