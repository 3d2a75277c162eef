import type { EngineCounters } from '../../contract/index.ts';
import { countersBetween } from '../../measure/write-amplification.ts';
import { gateConstants } from '../../measure/statistics/gate-constants.ts';
import type { Metric } from '../../measure/statistics/metric.ts';
import { isSupported, samplesFor } from '../../measure/statistics/percentile-support.ts';
import {
  blockCountersBetween,
  blockCountersOf,
} from '../../measure/write-levels/block-counters.ts';
import { percentileNs, type LatencyRecord } from '../data-plane/latency-buckets.ts';
import { directions } from '../job.ts';
import type { GroupFigures } from './job-groups.ts';

/** The figures of a job, and the percentiles that too few samples stand behind. */
export interface JobMetrics {
  readonly metrics: readonly Metric[];
  readonly unsupported: readonly string[];
}

const { relevantChange, counterTolerance } = gateConstants;

/** What of a job can be set against another run of it. */
export function metricsOf(figures: GroupFigures): JobMetrics {
  const found = new MetricList();
  const { runtimeNs, sync, cpu } = figures;
  let ops = 0;
  for (const name of directions) {
    const direction = figures.directions[name];
    if (direction.ops === 0 || runtimeNs === 0) continue;
    ops += direction.ops;
    found.rate(`${name}.iops`, '1/s', (direction.ops * 1e9) / runtimeNs);
    found.rate(`${name}.bandwidth`, 'B/s', (direction.bytes * 1e9) / runtimeNs);
    found.latency(`${name}.latency`, direction.total);
    found.latency(`${name}.completion latency`, direction.completion);
    found.latency(`${name}.intended latency`, direction.intended);
  }
  if (sync.durable.count > 0 && runtimeNs > 0) {
    found.rate('durable writes', '1/s', (sync.durable.count * 1e9) / runtimeNs);
  }
  found.latency('durable latency', sync.durable, relevantChange.durableP99);
  found.latency('sync latency', sync.latency);
  const cpuNs = cpu.userNs + cpu.systemNs + cpu.ringWorkersNs;
  if (ops > 0) found.cost('CPU per operation', 'ns', cpuNs / ops);
  addDiskMetrics(figures, found);
  addEngineMetrics(figures, found);
  return { metrics: found.metrics, unsupported: found.unsupported };
}

/** Bytes and flushes are counted by the disk, whoever wrote: a busy machine shows here as well. */
function addDiskMetrics({ writtenSinceStart, disks }: GroupFigures, found: MetricList): void {
  const write = writtenSinceStart;
  if (write.ops === 0) return;
  for (const { name, before, after } of disks) {
    if (before.length === 0 || after.length === 0) continue;
    const counters = blockCountersBetween(blockCountersOf(before), blockCountersOf(after));
    if (counters === undefined) continue;
    const perByte = counters.writeBytes / write.bytes;
    found.counter(`${name} bytes written per user byte`, 'B/B', perByte);
    if (counters.flushes !== undefined) {
      found.counter(`${name} flushes per write`, '1', counters.flushes / write.ops);
    }
  }
}

/** An engine counts what it submits and nothing else, so that the same job has the same figures. */
function addEngineMetrics(figures: GroupFigures, found: MetricList): void {
  const { writtenSinceStart, engineReadings } = figures;
  if (writtenSinceStart.ops === 0 || engineReadings.length === 0) return;
  const deltas = engineReadings.map(({ before, after }) => countersBetween(before, after));
  const sum = (of: (counters: EngineCounters) => number): number =>
    deltas.reduce((total, counters) => total + of(counters), 0);
  const bytes = sum(({ writtenBytes }) =>
    Object.values(writtenBytes).reduce((total, part) => total + part, 0),
  );
  const { ops } = writtenSinceStart;
  found.engineCounter('bytes submitted per user byte', 'B/B', bytes / writtenSinceStart.bytes);
  found.engineCounter('flushes per write', '1', sum(({ flushes }) => flushes) / ops);
  found.engineCounter('FUA writes per write', '1', sum(({ fuaWrites }) => fuaWrites) / ops);
}

class MetricList {
  readonly metrics: Metric[] = [];
  readonly unsupported: string[] = [];

  rate(name: string, unit: string, value: number): void {
    this.#timing(name, unit, 'higher', relevantChange.rate, value);
  }

  cost(name: string, unit: string, value: number): void {
    this.#timing(name, unit, 'lower', relevantChange.cpu, value);
  }

  latency(name: string, record: LatencyRecord, p99Change: number = relevantChange.p99): void {
    if (record.count === 0) return;
    for (const [percent, change] of [
      [50, relevantChange.p50],
      [99, p99Change],
      [99.9, relevantChange.p999],
    ] as const) {
      const metric = `${name} p${percent}`;
      if (isSupported(percent, record.count)) {
        this.#timing(metric, 'ns', 'lower', change, percentileNs(record, percent));
      } else {
        const needed = samplesFor(percent).toLocaleString('en');
        this.unsupported.push(
          `${metric}: ${record.count.toLocaleString('en')} of ${needed} samples`,
        );
      }
    }
  }

  counter(name: string, unit: string, value: number): void {
    const comparison = { by: 'counter', tolerance: counterTolerance.blockLayer } as const;
    this.metrics.push({ name, unit, better: 'lower', comparison, value });
  }

  engineCounter(name: string, unit: string, value: number): void {
    const comparison = { by: 'counter', tolerance: counterTolerance.exact } as const;
    this.metrics.push({ name: `engine ${name}`, unit, better: 'lower', comparison, value });
  }

  #timing(
    name: string,
    unit: string,
    better: Metric['better'],
    change: number,
    value: number,
  ): void {
    const comparison = { by: 'timing', relevantChange: change } as const;
    this.metrics.push({ name, unit, better, comparison, value });
  }
}
