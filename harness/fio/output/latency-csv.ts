import { bucketCount, bucketValueNs, type LatencyRecord } from '../data-plane/latency-buckets.ts';
import { directions } from '../job.ts';
import type { RoundGroup } from './fio-json.ts';
import { figuresOf } from './job-groups.ts';

const header = 'variant,round,job,latency,bucket_ns,samples,cumulative_samples';

/** Every bucket that has samples, one to a line: rows of the same bucket may be added. */
export function latencyCsv(groups: readonly RoundGroup[]): string {
  const lines = groups.flatMap(({ round, variant, group }) => {
    const { directions: of, sync } = figuresOf(group);
    const prefix = [variant, round, group.results[0].job.name].map(csvField).join(',');
    const records: readonly (readonly [string, LatencyRecord])[] = [
      ...directions.flatMap((name) =>
        (['submission', 'completion', 'total', 'intended'] as const).map(
          (part) => [`${name} ${part}`, of[name][part]] as const,
        ),
      ),
      ['sync', sync.latency],
      ['durable', sync.durable],
    ];
    return records.flatMap(([name, record]) => bucketLines(`${prefix},${name}`, record));
  });
  return [header, ...lines, ''].join('\n');
}

function bucketLines(prefix: string, { buckets }: LatencyRecord): readonly string[] {
  const lines: string[] = [];
  let sum = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const samples = buckets[bucket]!;
    if (samples === 0) continue;
    sum += samples;
    lines.push(`${prefix},${bucketValueNs(bucket)},${samples},${sum}`);
  }
  return lines;
}

function csvField(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
