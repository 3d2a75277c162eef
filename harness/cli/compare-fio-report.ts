import { z } from 'zod';
import { HarnessError } from '../contract/index.ts';
import type { ComparableRun } from '../measure/statistics/compare-runs.ts';
import { suggestion } from './nearest-name.ts';

const facts = z.record(z.string(), z.union([z.string(), z.number()]));

const metric = z.object({
  name: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  comparison: z.discriminatedUnion('by', [
    z.object({ by: z.literal('timing'), relevantChange: z.number() }),
    z.object({ by: z.literal('counter'), tolerance: z.number() }),
  ]),
  value: z.number(),
});

/** What of a report of `powercut fio` is compared. */
export const fioReportSchema = z.object({
  kind: z.literal('powercut-fio'),
  schemaVersion: z.literal(1),
  host: z.object({
    kernel: z.string(),
    node: z.string(),
    cpuModel: z.string(),
    machine: facts.optional(),
  }),
  storage: z.array(
    z.object({ fileSystem: z.string(), mountOptions: z.string(), disks: z.array(facts) }),
  ),
  runs: z.array(
    z.object({
      round: z.number(),
      variant: z.string(),
      weather: z.object({
        stealPart: z.number().optional(),
        foreignCpuPart: z.number().optional(),
        spinNs: z.number().optional(),
      }),
      jobs: z.array(
        z.object({
          name: z.string(),
          options: z.record(z.string(), z.string()),
          metrics: z.array(metric),
          errorCount: z.number(),
          verification: z.array(z.object({ faultCount: z.number() })),
        }),
      ),
    }),
  ),
});

export type FioReportInput = z.infer<typeof fioReportSchema>;

/** `session`: runs of the same file were made in turn. */
export function comparableFioRuns(
  name: string,
  report: FioReportInput,
  { session, variant }: { readonly session: string; readonly variant: string | undefined },
): ComparableRun {
  const chosen = chosenVariant(name, report, variant);
  const runs = report.runs.filter((run) => run.variant === chosen);
  const verified = runs.flatMap(({ jobs }) => jobs.filter((job) => job.verification.length > 0));
  return {
    name,
    session,
    circumstances: circumstancesOf(report),
    rounds: runs.map(({ round, weather, jobs }) => ({
      round,
      weather: {
        stealPart: weather.stealPart,
        foreignCpuPart: weather.foreignCpuPart,
        spinNs: weather.spinNs,
      },
      metrics: jobs.flatMap((job, at) =>
        job.metrics.map((one) => ({
          ...one,
          name: metricName(jobs.length, job.name, at, one.name),
        })),
      ),
    })),
    durability:
      verified.length === 0
        ? []
        : [
            {
              name: 'verified',
              cuts: verified.length,
              failedCuts: verified.filter(({ verification }) =>
                verification.some(({ faultCount }) => faultCount > 0),
              ).length,
            },
          ],
  };
}

/** Where there is one job only, its name may differ between the sides. */
export function metricName(jobCount: number, job: string, at: number, metric: string): string {
  return jobCount === 1 ? metric : `${at + 1} ${job}: ${metric}`;
}

function chosenVariant(
  name: string,
  { runs }: FioReportInput,
  variant: string | undefined,
): string {
  const variants = [...new Set(runs.map((run) => run.variant))];
  if (variant === undefined && variants.length === 1) return variants[0]!;
  const [file = ''] = name.split('#');
  if (variant === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${file} has ${variants.length} job files; name one: ${variants.map((one) => `${file}#${one}`).join(', ')}`,
    );
  }
  if (variants.includes(variant)) return variant;
  throw new HarnessError(
    'CONFIG_INVALID',
    `${file} has no "${variant}", expected one of ${variants.join(', ')}${suggestion(variant, variants)}`,
  );
}

function circumstancesOf({ host, storage }: FioReportInput): Readonly<Record<string, string>> {
  const disks = storage.flatMap((one) => one.disks);
  const text = (values: readonly unknown[]): string => [...new Set(values.map(String))].join(', ');
  const ofDisks = Object.keys(disks[0] ?? {}).map(
    (fact) => [`disk ${fact}`, text(disks.map((disk) => disk[fact] ?? ''))] as const,
  );
  return {
    kernel: host.kernel,
    node: host.node,
    processor: host.cpuModel,
    ...Object.fromEntries(
      Object.entries(host.machine ?? {}).map(([fact, value]) => [fact, String(value)]),
    ),
    'file system': text(storage.map(({ fileSystem }) => fileSystem)),
    'mount options': text(storage.map(({ mountOptions }) => mountOptions)),
    ...Object.fromEntries(ofDisks),
  };
}
