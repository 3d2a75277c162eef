/**
 * The journal engine on the twin, as the benchmark, the soak and the mutants run it: rings so small
 * that they wrap all the time, since that is where journals break.
 */
import type { Scenario } from '../contract/index.ts';
import type { PluginSources } from '../run/plugin-sources.ts';

/** The drive holds superblocks and label beside ring and data: 16 MiB is room for both. */
const spareBytes = 16 * 2 ** 20;

export interface JournalScenarioOptions {
  readonly name: string;
  readonly workload: string;
  readonly seed: number;
  readonly ringPages?: number;
  readonly logicalBlockBytes?: number;
  readonly writeCache?: 'none' | 'volatile';
  /** Data on a second drive with such a cache. */
  readonly dataWriteCache?: 'none' | 'volatile';
  readonly durability?: 'auto' | 'fua' | 'flush';
  readonly ops?: number;
  readonly queueDepth?: number;
  readonly states?: number;
  readonly nestedStates?: number;
  readonly faults?: Scenario['faults'];
  /** Options of the engine beside those above. */
  readonly engine?: Readonly<Record<string, unknown>>;
}

/** A ring in four segments, in flight at most a quarter of it, a data area of the same size. */
export function journalScenario(options: JournalScenarioOptions): Scenario {
  const { ringPages = 64, logicalBlockBytes = 4096, states = 2000 } = options;
  const quarter = Math.floor(ringPages / 4);
  const device = {
    logicalBlockBytes,
    capacityBlocks: (spareBytes + 2 * ringPages * 4096) / logicalBlockBytes,
    atomicWriteBlocks: 1,
    writeCache: options.writeCache ?? 'volatile',
    supportsFua: true,
  } as const;
  const { dataWriteCache } = options;
  return {
    name: options.name,
    because: 'the journal engine loses nothing that it acknowledged',
    seed: options.seed,
    rig: 'sim',
    engine: {
      use: 'journal',
      with: {
        ringPages,
        segmentPages: quarter,
        windowPages: quarter,
        dataBlocks: ringPages,
        durability: options.durability ?? 'auto',
        ...options.engine,
      },
    },
    workload: { use: options.workload },
    faults: options.faults ?? [],
    verifiers: [],
    device,
    ...(dataWriteCache && { dataDevice: { ...device, writeCache: dataWriteCache } }),
    limits: { ops: options.ops ?? 200, queueDepth: options.queueDepth ?? 8, durationMs: 3_600_000 },
    explore: { rounds: 1, states, nestedStates: options.nestedStates ?? Math.floor(states / 5) },
    expect: { verdict: 'pass' },
  };
}

/** Where the plug-ins of such a scenario are; a mutant's adapter stands in for the engine's. */
export function journalSources(
  scenario: Scenario,
  urlOf: (kind: 'engine' | 'workload' | 'fault', name: string) => string,
  adapterUrl?: string,
): PluginSources {
  return {
    engine: adapterUrl ?? urlOf('engine', scenario.engine.use),
    workload: urlOf('workload', scenario.workload.use),
    faults: scenario.faults.map((fault) => urlOf('fault', fault.use)),
    verifiers: [],
  };
}
