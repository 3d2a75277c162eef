import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { createPlan } from '../plan/plan.ts';
import { createOpChunk } from '../plan/op-chunk.ts';
import type { FioProblem } from './problem.ts';
import { readJobFile, type JobFile } from './read-job-file.ts';
import { contextWith } from './reading.fixture.ts';

/** fio's own examples: Debian's package fio-examples, or `examples` of fio's sources. */
const places = [
  process.env['FIO_EXAMPLES'],
  '/usr/share/doc/fio/examples',
  '/usr/local/share/doc/fio/examples',
];
const folder = places.find((place) => place !== undefined && fs.existsSync(place));
const missing =
  "fio's examples are not here (apt-get install fio-examples, or FIO_EXAMPLES=DIRECTORY)";

/** They name disks and folders that no machine has all of: each has room. */
const context = contextWith({
  readInclude: (name) => textOf(name),
  factsOf: (target) =>
    target.startsWith('/dev/') ? { byteCount: 2 ** 40, canGrow: false } : undefined,
});

function textOf(name: string): string | undefined {
  const file = path.join(folder!, name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

function examples(): readonly string[] {
  return fs
    .readdirSync(folder!)
    .filter((name) => /\.(fio|job)$/.test(name))
    .sort();
}

function errorsOf({ problems }: JobFile): readonly FioProblem[] {
  return problems.filter(({ severity }) => severity === 'error');
}

/** Of fio 3.33: what uses only options that we have must go on being read. */
const readable = [
  'aio-read.fio',
  'backwards-read.fio',
  'basic-verify.fio',
  'fio-rand-RW.fio',
  'fio-rand-read.fio',
  'fio-rand-write.fio',
  'fio-seq-RW.fio',
  'fio-seq-read.fio',
  'fio-seq-write.fio',
  'fixed-rate-submission.fio',
  'fsx.fio',
  'iometer-file-access-server.fio',
  'jesd219.fio',
  'null.fio',
  'numa.fio',
  'poisson-rate-submission.fio',
  'rand-zones.fio',
  'ssd-steadystate.fio',
  'ssd-test.fio',
  'steadystate.fio',
  'tiobench-example.fio',
  'waitfor.fio',
  'zipf.fio',
];

test("each of fio's example files is planned, or refused with its line and what to do", (task) => {
  task.skip(folder === undefined, missing);
  const names = examples();
  expect(names.length).toBeGreaterThan(50);
  for (const name of names) {
    const file = readJobFile(textOf(name)!, name, context);
    for (const { line, message, fix } of file.problems) {
      expect(line, `${name}: ${message}`).toBeGreaterThan(0);
      expect(fix, `${name}: ${message}`).not.toBe('');
    }
    if (errorsOf(file).length === 0) expectPlanned(name, file);
  }
});

test('the examples whose options are all supported are read without an error', (task) => {
  task.skip(folder === undefined, missing);
  const here = new Set(examples());
  for (const name of readable.filter((one) => here.has(one))) {
    const file = readJobFile(textOf(name)!, name, context);
    expect(errorsOf(file), name).toEqual([]);
  }
});

function expectPlanned(name: string, { jobs }: JobFile): void {
  expect(jobs.length, name).toBeGreaterThan(0);
  for (const job of jobs) {
    if (job.verify.isReadBackOnly) continue;
    expect(createPlan(job, 1).fill(createOpChunk(64)), `${name}: ${job.name}`).toBeGreaterThan(0);
  }
}
