/**
 * `npm run bench [-- NAME] [--target DIRECTORY|DEVICE]`: runs every `*.bench.ts` whose path holds NAME,
 * and prints its figures. The target, also POWERCUT_BENCH_TARGET, is what device benchmarks write on.
 */
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { benchmarkFiles } from '../harness/measure/benchmark-files.ts';
import type { Benchmark, BenchmarkRow } from '../harness/measure/benchmark.ts';
import { shown } from '../harness/measure/paired-runs.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string' } },
});
const wanted = positionals[0] ?? '';
const target = values.target ?? process.env['POWERCUT_BENCH_TARGET'];

const files = benchmarkFiles().filter((name) => name.includes(wanted));
if (files.length === 0) {
  const known = benchmarkFiles().map((file) => `  ${path.relative(process.cwd(), file)}\n`);
  process.stderr.write(
    `no benchmark's path holds "${wanted}", expected a part of one of\n${known.join('')}`,
  );
  process.exit(2);
}
process.stdout.write(
  `${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, `,
);
process.stdout.write(`kernel ${os.release()}, Node ${process.version}\n`);
for (const file of files) {
  const { default: benchmark } = (await import(pathToFileURL(file).href)) as { default: Benchmark };
  process.stdout.write(`\n${benchmark.name}\n`);
  for (const row of await benchmark.run('full', target === undefined ? {} : { target })) print(row);
}

function print({ what, value, unit, bar, note }: BenchmarkRow): void {
  const verdict = bar === undefined ? '' : `   ${bar.verdict}: ${bar.expected}`;
  const tail = note === undefined ? '' : `   ${note}`;
  process.stdout.write(
    `  ${what.padEnd(52)} ${shown(value).padStart(12)} ${unit}${verdict}${tail}\n`,
  );
}
