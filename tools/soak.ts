/**
 * `npm run soak [-- --states N] [--seed S]`: crash states of the correct journal engine over all
 * workloads and both LBA sizes, until N are judged. Not one may be convicted. Prints a line a round
 * and exits 1 at the first conviction, with the command that shows it.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { builtInNames, builtInUrl } from '../harness/cli/registry.ts';
import { journalScenario, journalSources } from '../harness/conformance/journal-scenarios.ts';
import type { CellResult, Scenario } from '../harness/contract/index.ts';
import { createExplorePool, type ExplorePool } from '../harness/run/explore-pool.ts';
import { loadSources } from '../harness/run/plugin-sources.ts';
import { runScenario } from '../harness/run/run-scenario.ts';

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
  },
});
const statesWanted = Number(values.states);
const statesPerScenario = 10_000;

await using pool = createExplorePool(availableParallelism());
const startedMs = performance.now();
let judged = 0;
let images = 0;
for (let seed = Number(values.seed); judged < statesWanted; seed++) {
  for (const scenario of scenariosOf(seed)) {
    const result = await runOne(scenario, pool);
    judged += result.counts.statesJudged;
    images += result.counts.imagesRecovered;
    printLine(result);
    if (result.verdict.status !== 'pass') {
      process.stdout.write(
        `${JSON.stringify(result.failures[0] ?? result.verdict, undefined, 2)}\n`,
      );
      process.exit(1);
    }
    if (judged >= statesWanted) break;
  }
}
const seconds = (performance.now() - startedMs) / 1000;
process.stdout.write(
  `${judged} crash states judged, ${images} images recovered, 0 convictions in ${seconds.toFixed(0)} s\n`,
);

function scenariosOf(seed: number): readonly Scenario[] {
  return builtInNames('workload').flatMap((workload) =>
    [512, 4096].flatMap((logicalBlockBytes) =>
      (['fua', 'flush'] as const).map((durability) =>
        journalScenario({
          name: `soak-${workload}-${logicalBlockBytes}-${durability}-${seed}`,
          workload,
          seed,
          logicalBlockBytes,
          durability,
          ops: 300,
          states: statesPerScenario,
        }),
      ),
    ),
  );
}

async function runOne(scenario: Scenario, threads: ExplorePool): Promise<CellResult> {
  const sources = journalSources(scenario, (kind, name) => builtInUrl(kind, name)!.href);
  return runScenario(await loadSources(scenario, sources), {
    id: scenario.name,
    pool: threads,
    signal: new AbortController().signal,
    emit: () => undefined,
    now: () => performance.now(),
  });
}

function printLine({ id, verdict, counts, tookMs }: CellResult): void {
  const rate = Math.round((counts.imagesRecovered / tookMs) * 1000);
  process.stdout.write(
    `${verdict.status} ${id}: ${counts.statesJudged} states, ${rate} images/s, total ${judged}\n`,
  );
}
