import { expect, test } from 'vitest';
import { directions } from '../job.ts';
import { readCommandLine } from './command-line.ts';
import { problemLine } from './problem.ts';
import { contextWith, jobsOf, jobWith, read } from './reading.fixture.ts';

/** Errors and warnings as they are shown. */
function problemsOf(text: string, changes: Parameters<typeof read>[1] = {}): readonly string[] {
  return read(text, changes).problems.map(problemLine);
}

test('a section takes the globals above it, and its own options outrank them', () => {
  const jobs = jobsOf(
    `; a comment
     # another
     [global]
     size=1m
     bs=4k
     filename=data
     [first]
     rw=randwrite
     [global]
     bs=8k
     stonewall
     [second]   # and what it does
     bs=16k     ; over both
     [third]`,
  );
  expect(jobs.map(({ name, phase }) => [name, phase])).toEqual([
    ['first', 0],
    ['second', 1],
    ['third', 2],
  ]);
  expect(jobs.map(({ pattern }) => pattern.blocks.read.minBytes)).toEqual([4096, 16_384, 8192]);
  expect(jobs[0]!.pattern).toMatchObject({ access: 'write', isRandom: true, hasRandomMap: true });
});

test("an empty job has fio's defaults", () => {
  const [job] = jobsOf('[a]\nsize=1m');
  expect(job).toMatchObject({
    threadNumber: 1,
    pattern: { access: 'read', isRandom: false, readPercent: 50 },
    engine: { name: 'psync', isDirect: false },
    queue: { depth: 1, submitBatch: 1, completeMin: 1, completeMax: 1, lowWater: 1 },
    durability: { fsyncEvery: 0, fdatasyncEvery: 0, openSync: 'none', isSyncedAtEnd: false },
    extent: { sizeBytes: 2 ** 20, ioBytes: null, loops: 1, isTimeBased: false, runtimeNs: null },
    contents: { isZero: false, isRefilled: false, isScrambled: true },
    verify: { kind: 'none' },
    files: { allocation: 'native' },
    source: { file: 'job.fio', line: 1 },
  });
  expect(job!.extent.files).toEqual([
    { path: 'a.0.0', byteOffset: 0, byteCount: 2 ** 20, fileBytes: 2 ** 20 },
  ]);
  for (const direction of directions) {
    expect(job!.pattern.blocks[direction]).toEqual({
      minBytes: 4096,
      maxBytes: 4096,
      alignBytes: 4096,
      split: [],
    });
  }
});

test('clones have files of their own, or share one and divide it by offset_increment', () => {
  const apart = jobsOf('[a]\nsize=1m\nnumjobs=2\nnrfiles=2\nrw=write');
  expect(apart.map(({ extent }) => extent.files.map(({ path }) => path))).toEqual([
    ['a.0.0', 'a.0.1'],
    ['a.1.0', 'a.1.1'],
  ]);
  expect(apart[0]!.extent.files[0]!.byteCount).toBe(2 ** 19);
  const divided = jobsOf('[a]\nfilename=x\nsize=1m\nnumjobs=3\nrw=write\noffset_increment=1m');
  expect(divided.map(({ extent }) => extent.files[0]!.byteOffset / 2 ** 20)).toEqual([0, 1, 2]);
  expect(divided.map(({ clone, threadNumber }) => [clone, threadNumber])).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
});

test('percentages are of the file or device that is there', () => {
  const changes = { factsOf: () => ({ byteCount: 102_400, canGrow: false }) };
  const [job] = jobsOf('[a]\nfilename=/dev/x\noffset=25%\nsize=30%', changes);
  // 25 % is moved up to a block; 30 % are of the whole, in whole blocks. As fio 3.33 does it.
  expect(job!.extent.files).toEqual([
    { path: '/dev/x', byteOffset: 28_672, byteCount: 28_672, fileBytes: 102_400 },
  ]);
  const [whole] = jobsOf('[/dev/x]\noffset=60k', changes);
  expect(whole!.extent.files[0]).toMatchObject({ path: '/dev/x', byteCount: 102_400 - 61_440 });
  expect(problemsOf('[a]\nfilename=x\nsize=50%')).toEqual([
    'job.fio:3: size: x does not exist, and no size is given; give a size such as size=1g',
  ]);
});

test('variables, keywords and included files are put in their places', () => {
  const jobs = jobsOf(
    '[global]\ninclude more.fio\n[a]\nsize=${SIZE}\nbs=$pagesize\nnumjobs=2*$ncpus',
    {
      environment: { SIZE: '64m' },
      readInclude: (name) =>
        name === 'more.fio' ? 'rw=randwrite\n# a comment\niodepth=8' : undefined,
    },
  );
  expect(jobs).toHaveLength(4);
  expect(jobs[0]).toMatchObject({ pattern: { access: 'write' }, extent: { sizeBytes: 2 ** 26 } });
  expect(problemsOf('[a]\nsize=1m\ninclude gone.fio')[0]).toMatch('"gone.fio" cannot be read');
  expect(problemsOf('[a]\nsize=1m\ndirectory=/tmp/${GONE}x')[0]).toMatch(
    'the environment variable GONE is not set',
  );
});

test('block sizes: one, three, a range, a split; the special outranks the plain', () => {
  expect(jobWith('size=1m', 'bs=4k,8k,16k').pattern.blocks).toMatchObject({
    read: { minBytes: 4096 },
    write: { minBytes: 8192 },
    trim: { minBytes: 16_384 },
  });
  expect(jobWith('size=1m', 'bs=4k,8k').pattern.blocks.trim.minBytes).toBe(8192);
  expect(jobWith('size=1m', 'bs=,8k').pattern.blocks).toMatchObject({
    read: { minBytes: 4096 },
    write: { minBytes: 8192 },
  });
  expect(jobWith('size=1m', 'bsrange=16k-4k', 'bs=1k').pattern.blocks.read).toMatchObject({
    minBytes: 4096,
    maxBytes: 16_384,
  });
  expect(jobWith('size=1m', 'bssplit=64k/10:4k/60:16k').pattern.blocks.write.split).toEqual([
    { byteCount: 65_536, percent: 10 },
    { byteCount: 16_384, percent: 30 },
    { byteCount: 4096, percent: 60 },
  ]);
  const aligned = jobWith('size=1m', 'rw=randwrite', 'ba=2k').pattern;
  expect(aligned).toMatchObject({ hasRandomMap: false, blocks: { write: { alignBytes: 2048 } } });
});

test('of two options that say the opposite, the later one counts', () => {
  expect(jobWith('size=1m', 'rwmixwrite=30').pattern.readPercent).toBe(70);
  expect(jobWith('size=1m', 'rwmixwrite=30', 'rwmixread=10').pattern.readPercent).toBe(10);
  expect(jobWith('size=1m', 'buffered=0').engine.isDirect).toBe(true);
  expect(jobWith('size=1m', 'direct=1', 'buffered=1').engine.isDirect).toBe(false);
});

test('a rate is of bytes or operations, by direction', () => {
  expect(jobWith('size=1m', 'rate=1m,2m').pace.bytesPerSecond).toEqual({
    read: 2 ** 20,
    write: 2 ** 21,
    trim: 2 ** 21,
  });
  const job = jobWith(
    'size=1m',
    'rate_iops=,500',
    'rate_process=poisson',
    'io_submit_mode=offload',
  );
  expect(job.pace).toMatchObject({
    process: 'poisson',
    loop: 'open',
    opsPerSecond: { read: null, write: 500 },
  });
});

test('the command line makes jobs as it does in fio, and overrides those of a file', () => {
  const made = readCommandLine(
    [
      '--rw=randwrite',
      '--size=1m',
      '--name=a',
      '--bs=8k',
      '--name=b',
      '--time_based',
      '--runtime=3',
    ],
    contextWith(),
  );
  expect(made.problems).toEqual([]);
  expect(made.jobs.map(({ name, pattern }) => [name, pattern.blocks.write.minBytes])).toEqual([
    ['a', 8192],
    ['b', 4096],
  ]);
  expect(made.jobs[1]!.extent).toMatchObject({ isTimeBased: true, runtimeNs: 3e9 });
  const [over] = jobsOf('[a]\nsize=1m\nbs=4k', { overrides: ['--bs=64k', 'rw=write'] });
  expect(over!.pattern).toMatchObject({ access: 'write', blocks: { write: { minBytes: 65_536 } } });
});

test('all problems of a file are found, each with its line and what to write instead', () => {
  const { jobs } = read('[a]\nsize=4q');
  expect(jobs).toEqual([]);
  expect(
    problemsOf(
      [
        'before=1',
        '[global]',
        'size=-4k',
        'rwmixread=110',
        '[a]',
        'blocksiz=4k',
        'bs=4.5k',
        'thread',
        'runtime=10min',
        'read_iolog=x',
        'rw=foo',
        'direct=yes',
        'iodepth=',
      ].join('\n'),
    ),
  ).toEqual([
    'job.fio:1: "before=1" stands before any section; begin with [global] or [a name]',
    'job.fio:3: size: "-4k" is negative; write 4096, 4k, 64k or 1g',
    'job.fio:4: rwmixread: 110 is out of range; write a whole number from 0 to 100',
    'job.fio:6: blocksiz: is no option that is known here; did you mean "blocksize"?',
    'job.fio:7: bs: "4.5k" is no number of bytes; write 4096, 4k, 64k or 1g',
    'job.fio:8: thread: has no effect here: every job has a thread of its own; it may stay',
    'job.fio:9: runtime: "10min" is no time; write a whole number with us, ms, s, m, h or d, such as 30s, 5m or 500ms',
    'job.fio:10: read_iolog: is not supported: traces are not replayed; describe the load with rw, bs and random_distribution',
    expect.stringMatching(/^job.fio:11: rw: "foo" is unknown; use one of read, write, trim/),
    'job.fio:12: direct: "yes" is neither 0 nor 1; write 1 to switch it on, 0 to switch it off',
    'job.fio:13: iodepth: the value is missing; write a whole number from 1',
  ]);
});

test.each([
  ['[global]\nsize=1m', 'there is no job; add a section for each job'],
  ['', 'there is no job'],
  ['[a\nsize=1m', 'is no section'],
  ['[a]\nsize=1m\nrw= write', 'a blank follows the "="'],
  ['[a]\nsize=1m\niodepth=32769\nioengine=io_uring', 'above 32768, the limit of a ring'],
  ['[a]\nsize=1m\ntime_based', 'a time-based job has no end'],
  ['[a]\nsize=1m\nwait_for=b', 'no job above is called "b"'],
  ['[a]\nsize=1m\nrate=1m\nrate_iops=5', 'rate and rate_iops cannot both hold'],
  ['[a]\nsize=1k\nbs=4k', 'has no room for a block of 4096'],
  ['[a]\nsize=1m\nbs=0', '0 is out of range'],
  ['[a]\nsize=1m\nbssplit=4k/50:8k/30', 'add up to 80'],
  ['[a]\nsize=1m\nrandom_distribution=zoned:50/10:30/20', 'add up to 80 %'],
  ['[a]\nsize=1m\nrandom_distribution=zipf:1', 'zipf has no theta of 1'],
  ['[a]\nsize=1m\nverify=md5', 'use crc32c, pattern, or stamp'],
  ['[a]\nsize=1m\nverify=pattern', 'verify=pattern needs a pattern'],
  ['[a]\nsize=1m\nioengine=rados', 'the engine "rados" is not supported'],
  [
    '[a]\nsize=1m\nrw=randwrite\nnorandommap\nverify=crc32c\nioengine=libaio\niodepth=8',
    'two writes of one block may be in flight',
  ],
  ['[a]\nsize=1m\nfilesize=1k-8k', 'files of random sizes'],
  ['[a]\nsize=1m\nbs=4k-8k', 'is no number of bytes'],
])('nonsense is refused with its place: %j', (text, message) => {
  const { jobs, problems } = read(text);
  expect(jobs).toEqual([]);
  expect(problems.map(problemLine).join('\n')).toContain(message);
});

test('direct=1 needs whole logical blocks', () => {
  const on4k = { lbaBytes: 4096 };
  const text = '[a]\nfilename=x\nsize=1m\ndirect=1\nrw=write\n';
  expect(jobsOf(`${text}bs=4k`, on4k)).toHaveLength(1);
  expect(problemsOf(`${text}bs=2300`)).toEqual([
    'job.fio:6: bs: direct=1 moves whole logical blocks of 512 bytes, and 2300 is no multiple; use multiples of 512, or direct=0',
  ]);
  expect(problemsOf(`${text}bs=4k\noffset=512`, on4k)[0]).toMatch(/:7: offset: .*4096, not 512/);
  expect(problemsOf(`${text}bssplit=4k/50:512/50`, on4k)[0]).toMatch(/:6: bssplit: .* 512 is no/);
  expect(jobsOf('[etcd]\nsize=22m\nbs=2300\nrw=write\nfdatasync=1\nioengine=sync')).toHaveLength(1);
});

test('files larger than the disk are refused before anything is written', () => {
  const room = { roomBytes: 3 * 2 ** 20 };
  expect(jobsOf('[a]\nsize=1m\nnumjobs=3', room)).toHaveLength(3);
  expect(problemsOf('[a]\nsize=1m\nnumjobs=4', room)).toEqual([
    'job.fio:1: the files of the jobs up to a need 4194304 bytes, and there is room for 3145728; make size or numjobs smaller, or use a larger disk',
  ]);
  const device = { factsOf: () => ({ byteCount: 2 ** 20, canGrow: false }) };
  expect(problemsOf('[a]\nfilename=/dev/x\nsize=2m', device)).toEqual([
    'job.fio:3: size: the region ends at byte 2097152, but /dev/x has 1048576 bytes; make size or offset smaller',
  ]);
});

test('two jobs that write one region at once must say so', () => {
  const two = (first: string, second: string): readonly string[] =>
    problemsOf(
      `[global]\nfilename=x\nsize=1m\nrw=write\n[a]\n${first}\n[b]\n${second}`.replaceAll(
        '\n\n',
        '\n',
      ),
    );
  expect(two('bs=4k', 'bs=8k')).toEqual([
    'job.fio:7: b and a (line 5) write one region of x at the same time; give each its own offset and size, put stonewall between them, or say so with serialize_overlap=1 in both',
  ]);
  expect(two('bs=4k', 'offset=512k')).toHaveLength(1);
  expect(two('bs=4k', 'offset=1m')).toEqual([]);
  expect(two('offset=1m', 'bs=4k')).toEqual([]);
  expect(two('bs=4k', 'stonewall')).toEqual([]);
  expect(two('bs=4k', 'wait_for=a')).toEqual([]);
  expect(two('bs=4k', 'rw=read')).toEqual([]);
  expect(two('serialize_overlap=1', 'serialize_overlap=1')).toEqual([]);
  expect(two('serialize_overlap=1', 'bs=4k')).toHaveLength(1);
  expect(
    read('[global]\nfilename=x\nsize=1m\nrw=write\n[a]\n[b]', { mayShareRegions: true }).jobs,
  ).toHaveLength(2);
});

test('clones may share a region, as in fio, unless they verify it', () => {
  const text = '[a]\nfilename=x\nsize=1m\nrw=randwrite\nnumjobs=2';
  expect(jobsOf(text)).toHaveLength(2);
  expect(problemsOf(`${text}\nverify=crc32c`)[0]).toMatch('none can verify what it wrote');
  expect(jobsOf(`${text}\nverify=crc32c\noffset_increment=1m`)).toHaveLength(2);
});

test('processors are a list or a mask, for all jobs or one for each in turn', () => {
  const processorsOf = (...lines: readonly string[]): readonly unknown[] =>
    jobsOf(['[a]', 'size=1m', 'numjobs=3', ...lines].join('\n')).map(
      ({ processors }) => processors,
    );
  expect(processorsOf('rw=read')).toEqual([null, null, null]);
  expect(processorsOf('cpus_allowed=4,0-2,1')).toEqual(Array(3).fill([0, 1, 2, 4]));
  expect(processorsOf('cpumask=0x80000005')).toEqual(Array(3).fill([0, 2, 31]));
  expect(processorsOf('cpus_allowed=3,7', 'cpus_allowed_policy=split')).toEqual([[3], [7], [3]]);
});

test.each([
  ['cpus_allowed=2-0', '"2-0" is no list of processors'],
  ['cpus_allowed=0,,1', '"0,,1" is no list of processors'],
  ['cpus_allowed=0-8192', '"0-8192" is no list of processors'],
  ['cpumask=0', '"0" is no mask of processors'],
  ['cpumask=4294967296', '"4294967296" is no mask of processors'],
  ['cpumask=1\ncpus_allowed=0', 'cpus_allowed and cpumask cannot both hold'],
])('%s is refused', (lines, message) => {
  expect(problemsOf(`[a]\nsize=1m\n${lines}`)[0]).toMatch(message);
});

test('a comment that cuts a value is pointed out', () => {
  const { jobs, problems } = read('[a]\nsize=1m\nfilename=/dev/disk#1');
  expect(jobs[0]!.extent.files[0]!.path).toBe('/dev/disk');
  expect(problems.map(problemLine)).toEqual([
    'job.fio:3: everything from "#1" on is taken for a comment, as fio takes it; put a blank before the comment, or use a value without "#"',
  ]);
});
