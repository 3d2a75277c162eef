import { availableParallelism } from 'node:os';
import { builtInUrl } from '../cli/registry.ts';
import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../measure/benchmark.ts';
import { createExplorePool, type ExplorePool } from '../run/explore-pool.ts';
import { loadSources } from '../run/plugin-sources.ts';
import { recordRound } from '../run/record-round.ts';
import { journalScenario, journalSources } from './journal-scenarios.ts';

/** Rings by their size, with the bar in crash states a second on two cores where there is one. */
const rings = [
  { pages: 64, bar: 5000, states: 40_000 },
  { pages: 256, bar: 1000, states: 10_000 },
  { pages: 4096, bar: undefined, states: 1000 },
] as const;

const runs = 3;

/** How many crash states a second are made, recovered by the engine, read back and judged. */
const explorer: Benchmark = {
  name: 'crash states of the journal engine on the twin, recovery and judgement included',
  run: async (size) => {
    await using pool = createExplorePool(availableParallelism());
    const rows: BenchmarkRow[] = [];
    for (const ring of rings) rows.push(await measure(ring, size, pool));
    return rows;
  },
};

async function measure(
  { pages, bar, states }: (typeof rings)[number],
  size: BenchmarkSize,
  pool: ExplorePool,
): Promise<BenchmarkRow> {
  const budget = { states: size === 'smoke' ? 20 : states, nestedStates: 0 };
  const scenario = journalScenario({
    name: `explorer-${pages}`,
    workload: 'random-write',
    seed: 1,
    ringPages: pages,
    // Enough writes to go round the ring several times.
    ops: size === 'smoke' ? 20 : 4 * pages,
    ...budget,
  });
  const sources = journalSources(scenario, (kind, name) => builtInUrl(kind, name)!.href);
  const ready = await loadSources(scenario, sources);
  const record = await recordRound(ready, 0);
  const silent = { onProgress: () => undefined, shouldStop: () => false };
  // The first round starts the threads and warms the code up; it is not counted.
  await pool.explore(
    ready,
    record,
    { states: Math.min(500, budget.states), nestedStates: 0 },
    silent,
  );
  const rates: number[] = [];
  let images = 0;
  for (let run = 0; run < (size === 'smoke' ? 1 : runs); run++) {
    const startedMs = performance.now();
    const { judged } = await pool.explore(ready, record, budget, silent);
    const convicted = judged.filter(({ outcome }) => outcome !== 'intact').length;
    if (convicted > 0) throw new Error(`${convicted} of ${judged.length} states are not intact`);
    rates.push((judged.length / (performance.now() - startedMs)) * 1000);
    images = judged.length;
  }
  rates.sort((a, b) => a - b);
  return {
    what: `ring of ${pages} pages (${(pages * 4) / 1024} MiB), ${images} distinct images`,
    value: rates[rates.length >> 1]!,
    unit: 'states/s',
    note: `median of ${rates.length}${bar === undefined ? '' : `, bar ${bar}`}`,
  };
}

export default explorer;
