import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { jobsOf, jobWith } from '../job-file/reading.fixture.ts';
import { fioDocument, type RoundGroup } from './fio-json.ts';
import { coarseLatencies, fioLatency } from './fio-latency.ts';
import { jobText } from './fio-text.ts';
import { figuresOf, groupResults } from './job-groups.ts';
import { metricsOf } from './job-metrics.ts';
import { diskReading, latenciesOf, resultWith } from './job-result.fixture.ts';
import { latencyCsv } from './latency-csv.ts';
import { preconditioningOf, preconditioningWords } from './preconditioning.ts';
import { rateSamplesOf } from './rate-samples.ts';

/** What a program finds that knows fio's names and nothing of ours. */
interface ReadDocument {
  readonly 'fio version': string;
  readonly time: string;
  readonly 'global options': Readonly<Record<string, string>>;
  readonly jobs: readonly (Readonly<Record<string, object | number>> & {
    readonly 'job options': Readonly<Record<string, string>>;
  })[];
  readonly disk_util: readonly object[];
}

function documentOf(results: Parameters<typeof groupResults>[0], hasBins = false): ReadDocument {
  const groups = groupResults(results).map((group): RoundGroup => ({
    round: 0,
    variant: 'job.fio',
    group,
  }));
  const facts = { toolVersion: '9.9.9', finishedAtMs: 1_795_296_406_107, hasBins };
  return JSON.parse(JSON.stringify(fioDocument(groups, facts))) as ReadDocument;
}

/** Every path to a value, whatever the value; maps with keys of their own end the path. */
function pathsOf(value: unknown, prefix = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${prefix}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const name = `${prefix}.${key}`;
    const isMap = ['percentile', 'bins', 'job options', 'global options'].includes(key);
    return isMap ? [name] : [name, ...pathsOf(inner, name)];
  });
}

describe('the JSON', () => {
  test('has every name that fio itself writes for the same job', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'powercut-fio-'));
    const options = ['rw=randrw', 'bs=4k', 'size=400k', 'iodepth=1', 'fdatasync=4'];
    try {
      // Installed wherever the tests of job files run, which need it as well.
      const answer = execFileSync(
        'fio',
        [
          '--name=a',
          '--output-format=json+',
          '--ioengine=psync',
          ...options.map((option) => `--${option}`),
        ],
        { cwd: folder, encoding: 'utf8' },
      );
      const theirs = JSON.parse(answer.slice(answer.indexOf('{'))) as unknown;
      const sync = {
        ops: 12,
        latency: latenciesOf([1000, 2000]),
        durable: latenciesOf([5000]),
        uncoveredWrites: 1,
      };
      const ours = documentOf(
        [resultWith({ job: jobWith(...options), reads: 50, writes: 50, sync })],
        true,
      );
      const missing = pathsOf(theirs).filter((name) => !new Set(pathsOf(ours)).has(name));
      expect([...new Set(missing)]).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('has what fio-plot reads, as it reads it', () => {
    const job = jobWith('rw=randwrite', 'bs=4k', 'size=40k', 'ioengine=libaio', 'iodepth=16');
    const record = documentOf([resultWith({ job, writes: 1000 })]);
    // fio_plot/fiolib/jsonimport.py: get_json_mapping, with mode "write" out of rw=randwrite.
    const first = record.jobs[0]!;
    const options = first['job options'];
    expect(Number(options['iodepth'])).toBe(16);
    expect(Number(options['numjobs'])).toBe(1);
    expect([options['bs'], options['rw']]).toEqual(['4k', 'randwrite']);
    const mode = options['rw']!.slice(4);
    expect(first[mode]).toMatchObject({
      bw: 2000,
      iops: 500,
      iops_stddev: 0,
      lat_ns: { mean: 501_000 },
    });
    for (const unit of ['latency_ms', 'latency_us', 'latency_ns']) {
      expect(Object.keys(first[unit]!).length).toBeGreaterThan(9);
    }
    expect([first['usr_cpu'], first['sys_cpu']]).toEqual([10, 20]);
    expect(record['fio version']).toBe('fio-compat-9.9.9');
    expect(record.time).toMatch(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d 2026$/);
  });

  test('gives a steady state where the job names a criterion, and its options at the top', () => {
    const job = jobWith(
      ...['rw=randread', 'size=40k', 'time_based', 'runtime=9s', 'ss=iops:10%', 'ss_dur=2'],
    );
    const record = documentOf([resultWith({ job, reads: 1000 })]);
    expect(record['global options']['steadystate']).toBe('iops:10%');
    expect(record.jobs[0]!['steadystate']).toMatchObject({
      attained: 1,
      criterion: '0.000000%',
      data: { iops_mean: 500, bw_mean: 2_048_000 },
    });
    expect(documentOf([resultWith()]).jobs[0]!).not.toHaveProperty('steadystate');
  });

  test('adds the jobs of a group, counts their disk once, and their rate over the longest', () => {
    const jobs = jobsOf(
      '[a]\nfilename=data\nrw=write\nsize=40k\nnumjobs=2\ngroup_reporting\nserialize_overlap=1',
    );
    const results = jobs.map((job, at) =>
      resultWith({ job, writes: 100, runtimeNs: (1 + at) * 1e9, disks: [diskReading(at, 1600)] }),
    );
    const record = documentOf(results);
    expect(record.jobs).toHaveLength(1);
    expect(record.jobs[0]!['write']).toMatchObject({ total_ios: 200, iops: 100, runtime: 2000 });
    expect(record.jobs[0]!['job_runtime']).toBe(3000);
    expect(record.disk_util).toMatchObject([{ name: 'vda', write_sectors: 1600, flush_ios: 100 }]);
  });

  test('phases and new groups have numbers of their own', () => {
    const jobs = jobsOf(
      '[a]\nrw=read\nsize=4k\n[b]\nstonewall\nrw=read\nsize=4k\n[c]\nnew_group\nrw=read\nsize=4k',
    );
    expect(documentOf(jobs.map((job) => resultWith({ job }))).jobs).toMatchObject([
      { jobname: 'a', groupid: 0 },
      { jobname: 'b', groupid: 1 },
      { jobname: 'c', groupid: 2 },
    ]);
  });

  test('says which round a job belongs to only where there are several', () => {
    const [group] = groupResults([resultWith({ writes: 1 })]);
    const facts = { toolVersion: '1', finishedAtMs: 0, hasBins: false };
    const roundsOf = (groups: readonly RoundGroup[]): unknown =>
      (fioDocument(groups, facts) as { jobs: { round?: number }[] }).jobs.map(({ round }) => round);
    const one = { round: 0, variant: 'a.fio', group: group! };
    expect(roundsOf([one])).toEqual([undefined]);
    expect(roundsOf([one, { ...one, round: 1 }])).toEqual([0, 1]);
  });

  test('an error has its number, and operations that failed are counted apart', () => {
    const first = {
      errno: 'ENOSPC',
      operation: 'write',
      path: 'x',
      byteOffset: 0,
      byteCount: 1,
    } as const;
    const record = documentOf([resultWith({ errors: { count: 3, first } })]);
    expect(record.jobs[0]!).toMatchObject({ error: 28, total_err: 3, first_error: 28 });
  });
});

describe('latencies', () => {
  test('bins have the samples of their buckets, and coarse buckets all of them as shares', () => {
    const record = latenciesOf([100, 100, 3_000, 40_000_000, 5e9]);
    expect(fioLatency(record, { percentiles: [50], hasBins: true })).toMatchObject({
      N: 5,
      min: 100,
      max: 5e9,
      percentile: { '50.000000': 2992 },
      bins: { '100': 2, '2992': 1 },
    });
    const coarse = coarseLatencies(record);
    expect(coarse.latency_ns['250']).toBe(40);
    expect(coarse.latency_us['4']).toBe(20);
    expect(coarse.latency_ms).toMatchObject({ '50': 20, '>=2000': 20, '2000': 0 });
  });

  test('nothing has no percentiles and no bins', () => {
    const nothing = fioLatency(latenciesOf([]), { percentiles: [50], hasBins: true });
    expect(nothing).toEqual({ min: 0, max: 0, mean: 0, stddev: 0, N: 0 });
  });

  test('the csv has one line for each bucket that has samples', () => {
    const [group] = groupResults([resultWith({ writes: 3 })]);
    const lines = latencyCsv([{ round: 2, variant: 'a,b.fio', group: group! }]).split('\n');
    expect(lines[0]).toBe('variant,round,job,latency,bucket_ns,samples,cumulative_samples');
    expect(lines.filter((line) => line.includes('write completion'))).toEqual([
      '"a,b.fio",2,a,write completion,1004,1,1',
      '"a,b.fio",2,a,write completion,2008,1,2',
      '"a,b.fio",2,a,write completion,2992,1,3',
    ]);
  });
});

describe('figures', () => {
  test('a rate is sampled in whole intervals, and its deviation is that of a sample', () => {
    const samples = rateSamplesOf([1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 9], 100e6);
    expect(samples).toMatchObject({ min: 10, max: 30, mean: 20, count: 2 });
    expect(samples.deviation).toBeCloseTo(Math.sqrt(200), 9);
    expect(rateSamplesOf([5], 100e6).count).toBe(0);
  });

  test('metrics leave out percentiles without samples behind them, and say what is missing', () => {
    const [group] = groupResults([resultWith({ writes: 9999 })]);
    const { metrics, unsupported } = metricsOf(figuresOf(group!));
    const names = metrics.map(({ name }) => name);
    expect(names).toContain('write.latency p50');
    expect(names).not.toContain('write.latency p99');
    expect(unsupported).toContain('write.latency p99: 9,999 of 10,000 samples');
    const valueOf = (name: string): number | undefined =>
      metrics.find((metric) => metric.name === name)?.value;
    expect(valueOf('vda bytes written per user byte')).toBeCloseTo(1, 9);
    expect(valueOf('vda flushes per write')).toBeCloseTo(0.5, 3);
    expect(valueOf('CPU per operation')).toBeCloseTo(7e8 / 9999, 3);
  });

  test('the text says the loop, the percentiles that hold, and what was not as written', () => {
    const verification = {
      kind: 'crc32c',
      ops: 1,
      bytes: 4096,
      runtimeNs: 1,
      faultCount: 1,
      faults: [{ path: 'data', byteOffset: 8192, byteCount: 4096, kind: 'stale' }],
      note: '',
    } as const;
    const [group] = groupResults([resultWith({ writes: 300, verification })]);
    const text = JSON.stringify(jobText(group!, []));
    expect(text).toContain('closed loop');
    expect(text).toContain('stale: 4096 bytes at 8192 of data');
    expect(text).toContain('fewer samples than 1,000 for p90');
    expect(text).toContain('steady state: too short to tell');
  });

  test('processors are named where a job names them, those of all jobs of a group', () => {
    const textOf = (...processors: readonly string[]): string => {
      const results = processors.map((list) =>
        resultWith({ writes: 1, job: jobWith('rw=write', 'size=40k', 'group_reporting', list) }),
      );
      const [group] = groupResults(results);
      return JSON.stringify(jobText(group!, []));
    };
    expect(textOf('rw=write')).not.toContain('on CPU');
    expect(textOf('cpus_allowed=10', 'cpus_allowed=0,9')).toContain('2 s, on CPU 0,9,10');
  });

  test('what was written before in the same run is the preconditioning, and else it is unknown', () => {
    const fill = resultWith({ writes: 20, job: jobWith('rw=write', 'size=40k') });
    const [known] = preconditioningOf(resultWith(), [fill]);
    expect(preconditioningWords(known!)).toBe(
      'preconditioning of data: 80 KiB write (2.00 × its size) by a',
    );
    const [unknown] = preconditioningOf(resultWith(), []);
    expect(preconditioningWords(unknown!)).toContain('before it unknown');
  });
});
