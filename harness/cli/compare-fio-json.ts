import { z } from 'zod';
import type { ComparableRun } from '../measure/statistics/compare-runs.ts';
import { gateConstants } from '../measure/statistics/gate-constants.ts';
import type { Metric } from '../measure/statistics/metric.ts';
import { isSupported } from '../measure/statistics/percentile-support.ts';
import { metricName } from './compare-fio-report.ts';

const latency = z.object({
  N: z.number(),
  percentile: z.record(z.string(), z.number()).optional(),
});

const transfers = z.object({
  total_ios: z.number(),
  iops: z.number(),
  bw_bytes: z.number(),
  clat_ns: latency,
});

const job = z.object({
  jobname: z.string(),
  read: transfers.optional(),
  write: transfers.optional(),
  trim: transfers.optional(),
  sync: z.object({ lat_ns: latency }).optional(),
});

/** What of fio's own JSON is compared. */
export const fioDocumentSchema = z.object({
  'fio version': z.string(),
  'global options': z.record(z.string(), z.string()).optional(),
  jobs: z.array(job),
});

type FioDocument = z.infer<typeof fioDocumentSchema>;
type Latency = z.infer<typeof latency>;

/** Each document is one repetition; nothing in them says whether two sets were made in turn. */
export function comparableFioDocuments(
  name: string,
  documents: readonly FioDocument[],
): ComparableRun {
  const versions = documents.map((document) => document['fio version']);
  return {
    name,
    session: undefined,
    circumstances: { fio: [...new Set(versions)].join(', ') },
    rounds: documents.map(({ jobs }, round) => ({
      round,
      weather: undefined,
      metrics: jobs.flatMap((one, at) =>
        metricsOf(one).map((metric) => ({
          ...metric,
          name: metricName(jobs.length, one.jobname, at, metric.name),
        })),
      ),
    })),
    durability: [],
  };
}

function metricsOf(one: z.infer<typeof job>): readonly Metric[] {
  const { relevantChange } = gateConstants;
  const ofTransfers = (['read', 'write', 'trim'] as const).flatMap((direction) => {
    const figures = one[direction];
    if (figures === undefined || figures.total_ios === 0) return [];
    return [
      timing(`${direction}.iops`, '1/s', 'higher', relevantChange.rate, figures.iops),
      timing(`${direction}.bandwidth`, 'B/s', 'higher', relevantChange.rate, figures.bw_bytes),
      ...percentilesOf(`${direction}.completion latency`, figures.clat_ns),
    ];
  });
  return [...ofTransfers, ...percentilesOf('sync latency', one.sync?.lat_ns)];
}

function percentilesOf(name: string, figures: Latency | undefined): readonly Metric[] {
  const { relevantChange } = gateConstants;
  const shown = [
    [50, relevantChange.p50],
    [99, relevantChange.p99],
    [99.9, relevantChange.p999],
  ] as const;
  return shown.flatMap(([percent, change]) => {
    const value = figures?.percentile?.[percent.toFixed(6)];
    if (figures === undefined || value === undefined) return [];
    return isSupported(percent, figures.N)
      ? [timing(`${name} p${percent}`, 'ns', 'lower', change, value)]
      : [];
  });
}

function timing(
  name: string,
  unit: string,
  better: Metric['better'],
  relevantChange: number,
  value: number,
): Metric {
  return { name, unit, better, comparison: { by: 'timing', relevantChange }, value };
}
