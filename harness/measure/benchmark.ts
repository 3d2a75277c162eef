import { Bench } from 'tinybench';

/** `smoke` runs a moment, to show that the benchmark still runs; `full` gives figures. */
export type BenchmarkSize = 'smoke' | 'full';

/** One line of a benchmark's answer. */
export interface BenchmarkRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What the value stands against, where there is a bar or a peer. */
  readonly note?: string;
}

/** Default export of a `*.bench.ts` file; `npm run bench` runs them all. */
export interface Benchmark {
  readonly name: string;
  run(size: BenchmarkSize): Promise<readonly BenchmarkRow[]>;
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
