import { Bench } from 'tinybench';

/** `smoke` runs a moment, to show that the benchmark still runs; `full` gives figures. */
export type BenchmarkSize = 'smoke' | 'full';

/** What a value is held against, and whether it holds. */
export interface BenchmarkBar {
  /** `at least 2.5`. */
  readonly expected: string;
  /** `inconclusive`: the other side could not be measured here; `note` says why. */
  readonly verdict: 'met' | 'missed' | 'inconclusive';
}

/** One line of a benchmark's answer. */
export interface BenchmarkRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly bar?: BenchmarkBar;
  /** How the value came about, or what it stands against. */
  readonly note?: string;
}

export interface BenchmarkOptions {
  /** Directory for the file to measure on, or a block device that the guard admits. */
  readonly target?: string;
}

/** Default export of a `*.bench.ts` file; `npm run bench` runs them all. */
export interface Benchmark {
  readonly name: string;
  run(size: BenchmarkSize, options?: BenchmarkOptions): Promise<readonly BenchmarkRow[]>;
}

/**
 * A benchmark of hot code in memory, by tinybench: a closed loop, right for CPU work and wrong for
 * device latency. Answers the median time of each task.
 */
export function microBenchmark(name: string, addTasks: (bench: Bench) => void): Benchmark {
  return {
    name,
    run: async (size) => {
      const bench = new Bench(
        size === 'smoke'
          ? { time: 1, warmup: false, iterations: 1 }
          : { time: 500, warmupTime: 100 },
      );
      addTasks(bench);
      await bench.run();
      return bench.tasks.map((task) => {
        const { result } = task;
        if (result.state !== 'completed') {
          throw new Error(`${name}: ${task.name} did not complete: ${result.state}`);
        }
        return { what: task.name, value: result.latency.p50 * 1e3, unit: 'µs' };
      });
    },
  };
}
