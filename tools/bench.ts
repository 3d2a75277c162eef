/** `npm run bench [-- NAME]`: runs every `*.bench.ts` whose path holds NAME, and prints its figures. */
import * as os from 'node:os';
import { pathToFileURL } from 'node:url';
import { benchmarkFiles } from '../harness/measure/benchmark-files.ts';
import type { Benchmark } from '../harness/measure/benchmark.ts';

const wanted = process.argv[2] ?? '';

process.stdout.write(
  `${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, `,
);
process.stdout.write(`kernel ${os.release()}, Node ${process.version}\n`);
for (const file of benchmarkFiles().filter((name) => name.includes(wanted))) {
  const { default: benchmark } = (await import(pathToFileURL(file).href)) as { default: Benchmark };
  process.stdout.write(`\n${benchmark.name}\n`);
  for (const { what, value, unit, note } of await benchmark.run('full')) {
    const figure = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
    process.stdout.write(`  ${what.padEnd(44)} ${figure.padStart(12)} ${unit}`);
    process.stdout.write(note === undefined ? '\n' : `   ${note}\n`);
  }
}
