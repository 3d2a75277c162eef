import { z } from 'zod';
import type { ComparableRun } from '../measure/statistics/compare-runs.ts';
import { gateConstants } from '../measure/statistics/gate-constants.ts';
import type { Metric } from '../measure/statistics/metric.ts';
import { isSupported } from '../measure/statistics/percentile-support.ts';

const latency = z.object({
  count: z.number(),
  p50Ns: z.number(),
  p99Ns: z.number(),
  p999Ns: z.number(),
  clock: z.enum(['virtual', 'real']),
});

const cell = z.object({
  id: z.string(),
  expectationMet: z.boolean(),
  counts: z.object({ rounds: z.number(), violations: z.number(), opsAcknowledged: z.number() }),
  latency: latency.optional(),
  writeAmplification: z
    .object({
      userBytes: z.number(),
      engineBytes: z.record(z.string(), z.number()),
      deviceBytes: z.number().optional(),
      flushes: z.number(),
    })
    .optional(),
  recovery: z.object({ requestsMedian: z.number(), requestsMax: z.number() }).optional(),
});

/** What of a saved run is compared. */
export const runSummarySchema = z.object({
  schemaVersion: z.literal(1),
  runId: z.string(),
  host: z.object({ kernel: z.string(), node: z.string(), cpuModel: z.string() }),
  cells: z.array(cell),
});

type Cell = z.infer<typeof cell>;

/** A run of scenarios is one round: its counters are near-exact, its latencies a single sample. */
export function comparableCells(
  name: string,
  { host, cells }: z.infer<typeof runSummarySchema>,
): ComparableRun {
  return {
    name,
    session: undefined,
    circumstances: {
      kernel: host.kernel,
      node: host.node,
      processor: host.cpuModel,
    },
    rounds: [{ round: 0, weather: undefined, metrics: cells.flatMap(metricsOf) }],
    durability: cells.map(({ id, expectationMet, counts }) => ({
      name: id,
      cuts: Math.max(1, counts.rounds),
      // A planted bug is expected to be found: what counts is whether the expectation was met.
      failedCuts: expectationMet ? 0 : 1,
    })),
  };
}

function metricsOf(one: Cell): readonly Metric[] {
  return [...amplificationOf(one), ...recoveryOf(one), ...latencyOf(one)];
}

function amplificationOf({ id, writeAmplification, counts }: Cell): readonly Metric[] {
  if (writeAmplification === undefined || writeAmplification.userBytes === 0) return [];
  const { userBytes, engineBytes, deviceBytes, flushes } = writeAmplification;
  const submitted = Object.values(engineBytes).reduce((sum, bytes) => sum + bytes, 0);
  return [
    counter(`${id}: engine bytes per user byte`, 'B/B', submitted / userBytes),
    ...(deviceBytes === undefined
      ? []
      : [counter(`${id}: device bytes per user byte`, 'B/B', deviceBytes / userBytes)]),
    ...(counts.opsAcknowledged === 0
      ? []
      : [counter(`${id}: flushes per operation`, '1', flushes / counts.opsAcknowledged)]),
  ];
}

function recoveryOf({ id, recovery }: Cell): readonly Metric[] {
  if (recovery === undefined) return [];
  return [counter(`${id}: requests of a recovery`, '1', recovery.requestsMedian)];
}

/** Modelled time is no figure of performance. */
function latencyOf({ id, latency: figures }: Cell): readonly Metric[] {
  if (figures?.clock !== 'real') return [];
  const { relevantChange } = gateConstants;
  const shown = [
    [50, figures.p50Ns, relevantChange.p50],
    [99, figures.p99Ns, relevantChange.durableP99],
    [99.9, figures.p999Ns, relevantChange.p999],
  ] as const;
  return shown
    .filter(([percent]) => isSupported(percent, figures.count))
    .map(([percent, value, change]) => ({
      name: `${id}: latency p${percent}`,
      unit: 'ns',
      better: 'lower',
      comparison: { by: 'timing', relevantChange: change },
      value,
    }));
}

function counter(name: string, unit: string, value: number): Metric {
  const tolerance = gateConstants.counterTolerance.exact;
  return { name, unit, better: 'lower', comparison: { by: 'counter', tolerance }, value };
}
