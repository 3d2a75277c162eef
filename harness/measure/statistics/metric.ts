import type { Better } from './comparison-verdict.ts';

/** How two sides of a metric are set against each other. */
export type MetricComparison =
  /** Varies from run to run: by ranks, against the least relevant change. */
  | { readonly by: 'timing'; readonly relevantChange: number }
  /** Hardly varies: against a tolerance. */
  | { readonly by: 'counter'; readonly tolerance: number };

/** One figure of one run. */
export interface Metric {
  /** `write.iops`, `write.completion.p99`. */
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  readonly comparison: MetricComparison;
  readonly value: number;
}
