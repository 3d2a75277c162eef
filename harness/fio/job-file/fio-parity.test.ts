import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { contextWith, read } from './reading.fixture.ts';
import { readBytes, readTime } from './quantities.ts';
import { refusedOptions, ignoredOptions } from './other-options.ts';
import { optionNames, optionOf } from './option-table.ts';
import { readJobFile } from './read-job-file.ts';

/** What fio makes of a job file; fails where fio is not installed. */
async function parsedByFio(
  text: string,
  debug: boolean,
): Promise<{ readonly stdout: string; readonly isGood: boolean }> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fio-parse-'));
  try {
    fs.writeFileSync(path.join(directory, 'job.fio'), text);
    const options = ['--parse-only', ...(debug ? ['--debug=parse'] : [])];
    const { stdout, exitCode, code } = await execa('fio', [...options, 'job.fio'], {
      cwd: directory,
      reject: false,
      stdin: 'ignore',
    });
    if (code === 'ENOENT') throw new Error('fio is not installed');
    return { stdout, isGood: exitCode === 0 };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** The numbers that fio reads from the values of one option. */
async function numbersOfFio(
  option: string,
  values: readonly string[],
  more = '',
): Promise<readonly number[]> {
  const sections = values.map((value, index) => `[j${index}]\nioengine=null\n${option}=${value}\n`);
  const { stdout } = await parsedByFio(`[global]\nsize=1m\n${more}\n${sections.join('')}`, true);
  const found = new RegExp(`__handle_option=${option},[^\\n]*\\n[^\\n]*ret=0, out=(\\d+)`, 'g');
  return [...stdout.matchAll(found)].map((match) => Number(match[1]));
}

const sizes = [
  '4096',
  '4k',
  '4K',
  '4kb',
  '4KB',
  '4kib',
  '4KiB',
  '4ki',
  '1m',
  '1MiB',
  '2g',
  '1t',
  '0x1000',
  '4096b',
  '1p',
  '3mb',
  '5Gi',
];

test('sizes are read as fio reads them', async () => {
  const ours = sizes.map((size) => readBytes(size, { kbBase: 1024 }));
  expect(ours).toEqual(await numbersOfFio('io_size', sizes));
});

test('with kb_base=1000 too', async () => {
  const ours = sizes.map((size) => readBytes(size, { kbBase: 1000 }));
  expect(ours).toEqual(await numbersOfFio('io_size', sizes, 'kb_base=1000'));
});

test('times are read as fio reads them', async () => {
  const times = ['10', '10s', '10S', '5m', '2h', '1d', '500ms', '90us', '7usec', '8msec', '3M'];
  const ours = times.map((time) => readTime(time, 's') / 1000);
  expect(ours).toEqual(await numbersOfFio('runtime', times));
  const thinks = ['10', '5ms', '1s', '20us'];
  expect(thinks.map((time) => readTime(time, 'us') / 1000)).toEqual(
    await numbersOfFio('thinktime', thinks),
  );
});

/** Whole files, good and bad, on which both must be of one mind. */
const files: readonly string[] = [
  '[a]\nsize=1m',
  '[global]\nsize=1m\nrw=randrw:3\n[a]\nstonewall\n[b]\nwait_for=a',
  '[a]\nsize=1m\nbs=4k,8k,16k\nbssplit=4k/60:8k/40,16k/100\nrwmixread=30',
  '[a]\nsize=1m\nrandom_distribution=zoned:60/10:40/90',
  '[a]\nsize=1m\nrandom_distribution=pareto:0.3:0.5',
  '[a]\nsize=1m\ntime_based=0\nnorandommap=1\ngroup_reporting',
  '[a]\nsize=1m\nverify=crc32c\nverify_pattern=0xff%o"abc"-21',
  '[a]\nsize=1m\nsync=dsync\nfdatasync=3\nrate_iops=100,200\nrate_process=poisson',
  '[a]\nsize=1m\npercentile_list=50:99:99.9\nsteadystate=iops:2%\nss_dur=10s',
  'size=1m\n[a]\nrw=write',
  '[a]\nsize=1m\nrw=foo',
  '[a]\nsize=1m\nrw= write',
  '[a]\nsize=1m\nbs=k',
  '[a]\nsize=1m\niodepth=0',
  '[a]\nsize=1m\ndirect=2',
  '[a]\nsize=1m\nrwmixread=110',
  '[a]\nsize=1m\nbsrange=4k',
  '[a]\nsize=1m\nrandom_distribution=zipf:1',
  '[a]\nsize=1m\nrandom_distribution=normal:200',
  '[a]\nsize=1m\nblok=4k',
];

test.each(files.map((text) => [text]))(
  'fio and we agree whether a file can be run: %j',
  async (text) => {
    const { problems } = read(text);
    const isGood = problems.every(({ severity }) => severity === 'warning');
    expect(isGood).toBe((await parsedByFio(text, false)).isGood);
  },
);

test('every option that fio has is supported, ignored with a warning, or refused with a reason', async () => {
  const { stdout } = await execa('fio', ['--cmdhelp=all'], { reject: false });
  const names = stdout.split('\n').map((line) => /^\s*(\S+)\s*:/.exec(line)?.[1] ?? '');
  const known = names.filter((name) => name !== '');
  expect(known.length).toBeGreaterThan(190);
  const unheard = known.filter(
    (name) =>
      optionOf(name) === undefined &&
      !Object.hasOwn(ignoredOptions, name) &&
      !Object.hasOwn(refusedOptions, name),
  );
  expect(unheard).toEqual([]);
  expect(optionNames.filter((name) => Object.hasOwn(ignoredOptions, name))).toEqual([]);
});

/** fio's own examples by what they use, written out anew. */
const examples: Readonly<Record<string, string>> = {
  'aio-read':
    '[global]\nioengine=libaio\nbuffered=0\nrw=randread\nbs=128k\nsize=512m\ndirectory=/data1\n[file1]\niodepth=4\n[file2]\niodepth=32\n[file3]\niodepth=8\n[file4]\niodepth=16',
  'basic-verify':
    '[write-and-verify]\nrw=randwrite\nbs=4k\ndirect=1\nioengine=libaio\niodepth=16\nverify=crc32c\nfilename=/dev/XXXX\nsize=1g',
  'fio-rand-RW':
    '[global]\nname=fio-rand-RW\nfilename=fio-rand-RW\nrw=randrw\nrwmixread=60\nrwmixwrite=40\nbs=4K\ndirect=0\nnumjobs=4\ntime_based\nruntime=900\n[file1]\nsize=10G\nioengine=libaio\niodepth=16',
  zipf: '[job]\nioengine=null\nrw=randread\nnorandommap\nsize=1280m\nbs=4k\nrandom_distribution=zipf:0.5',
  'rand-zones':
    '[job]\nioengine=null\nrw=randread\nnorandommap\nsize=1g\nbs=4k\nrandom_distribution=zoned:50/5:30/15:20/',
  'ssd-test':
    '[global]\nbs=4k\nioengine=libaio\niodepth=4\nsize=10g\ndirect=1\nruntime=60\ndirectory=/mount\nfilename=ssd.test.file\n[seq-read]\nrw=read\nstonewall\n[rand-read]\nrw=randread\nstonewall\n[seq-write]\nrw=write\nstonewall\n[rand-write]\nrw=randwrite\nstonewall',
  'poisson-rate':
    '[poisson]\nsize=100m\nrw=randread\nbs=4k\nioengine=libaio\niodepth=32\ndirect=1\nrate_process=poisson\nrate_iops=50\nio_submit_mode=offload',
  'backwards-read':
    '[backwards-read]\nbs=4k\nfilename=/dev/nvme0n1\nrw=read:-8k\nsize=128m\noffset=128m',
  'fio-seq-write':
    '[global]\nname=fio-seq-write\nfilename=fio-seq-write\nrw=write\nbs=256K\ndirect=0\nnumjobs=1\ntime_based\nruntime=900\n[file1]\nsize=10G\nioengine=libaio\niodepth=16',
  surface:
    '[global]\nthread=1\nbs=128k\ndirect=1\nioengine=sync\nverify=crc32c\nverify_interval=512\ndo_verify=1\n[write-phase]\nfilename=/dev/x\nsize=1g\nfill_device=0\ndo_verify=0\nrw=write'.replace(
      'fill_device=0\n',
      '',
    ),
};

test.each(Object.entries(examples))(
  "a job of the kind of fio's example %s runs as it is",
  (_, text) => {
    const { jobs, problems } = readJobFile(text, 'example.fio', contextWith());
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(jobs.length).toBeGreaterThan(0);
  },
);
