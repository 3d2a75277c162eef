import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBackingFile } from '../../device/backing-file.ts';
import { createLoopDevice } from '../../device/loop.ts';
import { jobsOf } from '../job-file/reading.fixture.ts';
import { createOpChunk } from '../plan/op-chunk.ts';
import { createPlan } from '../plan/plan.ts';
import type { FioJob } from '../job.ts';
import { usableProcessors } from './job-processors.ts';
import { runJob, runJobs } from './run-job.ts';

const isRoot = process.getuid?.() === 0;
let folder = '';
let file = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-fio-'));
  file = path.join(folder, 'data');
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A job on the file of the test. */
function job(...options: readonly string[]): FioJob {
  return jobsOf(['[a]', `filename=${file}`, 'bs=4k', ...options].join('\n'))[0]!;
}

function changeByte(byteOffset: number): void {
  const fd = fs.openSync(file, 'r+');
  const byte = new Uint8Array(1);
  fs.readSync(fd, byte, 0, 1, byteOffset);
  fs.writeSync(fd, new Uint8Array([byte[0]! ^ 1]), 0, 1, byteOffset);
  fs.closeSync(fd);
}

const engines = ['io_uring', 'libaio', 'psync', 'sync', 'pvsync2', 'null'] as const;

test.each(engines)('ioengine=%s transfers exactly its bytes, by the plan', async (engine) => {
  const mixed = job('rw=randrw', 'size=256k', 'iodepth=8', 'fsync=8', `ioengine=${engine}`);
  const result = await runJob(mixed, { seed: 11 });
  expect(result).toMatchObject({ endedBy: 'done', errors: { count: 0 } });
  const planned = [0, 0, 0, 0, 0];
  const chunk = createOpChunk(64);
  for (const plan = createPlan(mixed, 11); plan.fill(chunk) > 0;) {
    for (const kind of chunk.kinds.subarray(0, chunk.count)) planned[kind]!++;
  }
  const { read, write } = result.directions;
  expect([read.ops, write.ops, result.sync.ops]).toEqual([planned[0], planned[1], planned[3]]);
  expect(read.bytes + write.bytes).toBe(256 * 1024);
  expect(write.total.count).toBe(write.ops);
  const inSeries = result.series.bytes.write.reduce((sum, bytes) => sum + bytes, 0);
  expect(inSeries).toBe(write.bytes);
  expect(result.depth.levels.reduce((sum, ops) => sum + ops, 0)).toBe(result.issuedOps);
});

test('the same seed issues the same operations, whichever way they are handed over', async () => {
  const digests = new Set<string>();
  for (const [engine, tuning] of [
    ['io_uring', {}],
    ['io_uring', { calls: 'combined', submitBatch: 4 }],
    ['io_uring', { pinsBuffers: false, spinMicroseconds: 20, defersCompletions: true }],
    ['psync', {}],
  ] as const) {
    const load = job('rw=randwrite', 'size=128k', 'iodepth=4', 'direct=1', `ioengine=${engine}`);
    const result = await runJob(load, { seed: 4, tuning });
    expect(result.directions.write.ops).toBe(32);
    const mayRegister = engine === 'io_uring' && !('pinsBuffers' in tuning);
    expect(result.mode.registersBuffers).toBe(mayRegister);
    digests.add(result.issuedDigest);
  }
  expect(digests.size).toBe(1);
  const other = job('rw=randwrite', 'size=128k', 'direct=1', 'ioengine=psync');
  digests.add((await runJob(other, { seed: 5 })).issuedDigest);
  expect(digests.size).toBe(2);
});

test('a job runs on the processors that it names, and on no others', async () => {
  const processor = usableProcessors().at(-1)!;
  const load = job(
    'rw=randwrite',
    'size=128k',
    'time_based=1',
    'runtime=1',
    `cpus_allowed=${processor}`,
  );
  const seen = new Set<string>();
  await runJob(load, {
    onProgress: () => {
      for (const thread of fs.readdirSync('/proc/self/task')) {
        const status = fs.readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
        seen.add(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)![1]!);
      }
    },
  });
  expect(seen).toContain(String(processor));
});

test('a processor that this process may not use is refused before a file is made', async () => {
  const load = job(
    'rw=write',
    'size=128k',
    `filename=${path.join(folder, 'unmade')}`,
    'cpus_allowed=8191',
  );
  const [file] = load.extent.files;
  await expect(runJob(load)).rejects.toThrow(/processor 8191 is not one that this process may use/);
  expect(fs.existsSync(file!.path)).toBe(false);
});

test('without times of submission, one call hands over and waits', async () => {
  const common = ['rw=randwrite', 'size=128k', 'iodepth=4', 'direct=1', 'ioengine=io_uring'];
  const timed = await runJob(job(...common), { seed: 4 });
  expect(timed.mode.calls).toBe('split');
  expect(timed.directions.write.submission.count).toBe(32);
  for (const option of ['disable_slat=1', 'gtod_reduce=1']) {
    const result = await runJob(job(...common, option), { seed: 4 });
    expect(result.mode.calls).toBe('combined');
    const { submission, completion, total } = result.directions.write;
    expect([submission.count, completion.count, total.count]).toEqual([0, 32, 32]);
    expect(completion.sumNs).toBe(total.sumNs);
    expect(result.issuedDigest).toBe(timed.issuedDigest);
  }
});

test.each([
  ['io_uring', 'stamp', 'direct=1'],
  ['io_uring', 'crc32c', 'direct=0'],
  ['psync', 'pattern', 'verify_pattern=0x5a%o'],
  ['psync', 'stamp', 'direct=0'],
])(
  'with ioengine=%s verify=%s, what was written is right, and what changed is found',
  async (engine, verify, option) => {
    const common = [`ioengine=${engine}`, `verify=${verify}`, option, 'iodepth=4', 'size=256k'];
    const written = await runJob(job('rw=randwrite', ...common), { seed: 2 });
    expect(written.verification).toMatchObject({
      ops: 64,
      bytes: 262_144,
      faultCount: 0,
      note: '',
    });
    changeByte(9 * 4096 + 1234);
    const again = job('rw=randwrite', 'verify_only', ...common);
    const { verification, directions } = await runJob(again, { seed: 2 });
    expect(directions.write.ops).toBe(0);
    expect(verification).toMatchObject({ ops: 64, faultCount: 1 });
    expect(verification!.faults[0]).toMatchObject({ byteOffset: 9 * 4096, path: file });
    const read = await runJob(job('rw=read', ...common), { seed: 2 });
    expect(read.verification).toMatchObject({ ops: 64, faultCount: 1 });
  },
);

test('a lost write is found by its stamp, though the older one is whole', async () => {
  const common = ['ioengine=io_uring', 'rw=write', 'size=64k', 'verify=stamp', 'do_verify=0'];
  await runJob(job(...common, 'number_ios=16'), { seed: 3 });
  const older = fs.readFileSync(file).subarray(5 * 4096, 6 * 4096);
  await runJob(job(...common, 'loops=2'), { seed: 3 });
  fs.writeSync(fs.openSync(file, 'r+'), older, 0, 4096, 5 * 4096);
  const again = job(...common.slice(0, 4), 'verify_only', 'loops=2');
  const { verification } = await runJob(again, { seed: 3 });
  expect(verification!.faults.map(({ kind, byteOffset }) => [kind, byteOffset])).toContainEqual([
    'stale',
    5 * 4096,
  ]);
});

test('verify_fatal ends with the first block that is wrong', async () => {
  const common = ['ioengine=psync', 'verify=crc32c', 'size=256k'];
  await runJob(job('rw=write', 'do_verify=0', ...common));
  changeByte(3 * 4096 + 100);
  changeByte(4 * 4096 + 100);
  const { verification } = await runJob(job('rw=read', 'verify_fatal=1', ...common));
  expect(verification).toMatchObject({ ops: 4, faultCount: 1 });
});

test('an operation that is ready when the time is over is neither issued nor looked for', async () => {
  const common = ['rw=randwrite', 'size=64m', 'ioengine=io_uring', 'direct=1', 'iodepth=1'];
  const load = job(...common, 'time_based', 'runtime=100ms', 'verify=stamp');
  const { endedBy, directions, issuedOps, verification } = await runJob(load, { seed: 6 });
  expect(endedBy).toBe('runtime');
  expect(directions.write.ops).toBe(issuedOps);
  expect(verification).toMatchObject({ ops: issuedOps, faultCount: 0, note: '' });
});

test('a job that is stopped ends within a second and leaves nothing open', async () => {
  const descriptors = (): number => fs.readdirSync('/proc/self/fd').length;
  const warm = job('rw=randread', 'size=1m', 'ioengine=io_uring');
  await runJob(warm);
  const before = descriptors();
  const controller = new AbortController();
  const endless = job(
    ...['rw=randwrite', 'size=1m', 'ioengine=io_uring', 'iodepth=16'],
    ...['time_based', 'runtime=60s', 'rate_iops=200', 'verify=crc32c'],
  );
  let stoppedAtMs = 0;
  const result = await runJob(endless, {
    signal: controller.signal,
    onProgress: ({ ops }) => {
      if (ops === 0 || stoppedAtMs > 0) return;
      stoppedAtMs = performance.now();
      controller.abort();
    },
  });
  expect(performance.now() - stoppedAtMs).toBeLessThan(1000);
  expect(result.endedBy).toBe('interrupted');
  expect(result.verification!.note).toContain('interrupted');
  expect(descriptors()).toBe(before);
});

test('a job that is stopped before it began issues nothing', async () => {
  const result = await runJob(job('rw=write', 'size=64k', 'ioengine=psync'), {
    signal: AbortSignal.abort(),
  });
  expect(result).toMatchObject({ endedBy: 'interrupted', issuedOps: 0 });
});

test.each(['io_uring', 'psync'])(
  'reading behind the end is an error of the job and no operation: %s',
  async (engine) => {
    fs.writeFileSync(file, new Uint8Array(8192));
    const beyond = job('rw=read', 'size=16k', 'create_on_open=1', `ioengine=${engine}`);
    const result = await runJob(beyond);
    expect(result).toMatchObject({
      endedBy: 'error',
      directions: { read: { ops: 2, bytes: 8192 } },
      errors: { count: 1, first: { errno: 'EIO', operation: 'read', byteOffset: 8192 } },
    });
  },
);

test('direct I/O that is not aligned is an error of the job', async () => {
  const load = job('rw=write', 'size=64k', 'direct=1', 'ioengine=io_uring');
  const first = load.extent.files[0]!;
  const shifted = { ...load.extent, files: [{ ...first, byteOffset: 100, fileBytes: 70_000 }] };
  const result = await runJob({ ...load, extent: shifted });
  expect(result).toMatchObject({ endedBy: 'error', errors: { first: { errno: 'EINVAL' } } });
});

test('an open loop counts latency from the time that was due, and keeps to its rate', async () => {
  const options = ['rw=randwrite', 'size=1m', 'time_based', 'runtime=1', 'rate_iops=400'];
  const open = job(...options, 'io_submit_mode=offload', 'ioengine=io_uring', 'iodepth=4');
  const { directions, mode, runtimeNs } = await runJob(open);
  const { write } = directions;
  expect(mode).toMatchObject({ loop: 'open', isPaced: true });
  expect(write.intended.count).toBe(write.ops);
  expect(write.intended.sumNs).toBeGreaterThanOrEqual(write.total.sumNs);
  expect(write.ops).toBeLessThanOrEqual(401);
  expect(write.ops).toBeGreaterThan(200);
  expect(runtimeNs).toBeGreaterThanOrEqual(1e9);
});

test('ramp_time is in no figure', async () => {
  const load = job(
    'rw=randread',
    'size=64k',
    'ioengine=psync',
    'time_based',
    'runtime=1',
    'ramp_time=1',
  );
  const { directions, issuedOps, runtimeNs, series } = await runJob(load);
  expect(directions.read.ops).toBeLessThan(issuedOps);
  expect(runtimeNs).toBeLessThan(1.9e9);
  expect(series.ops.read.reduce((sum, ops) => sum + ops, 0)).toBe(directions.read.ops);
});

test('end_fsync makes every write durable', async () => {
  const load = job('rw=write', 'size=64k', 'ioengine=io_uring', 'iodepth=4', 'end_fsync=1');
  const { sync } = await runJob(load);
  expect(sync).toMatchObject({ ops: 1, uncoveredWrites: 0, durable: { count: 16 } });
});

test('what is trimmed reads as zeros', async () => {
  fs.writeFileSync(file, new Uint8Array(64 * 1024).fill(7));
  for (const engine of ['io_uring', 'psync']) {
    const load = job('rw=randtrim', 'size=32k', `ioengine=${engine}`, 'iodepth=4');
    expect((await runJob(load)).directions.trim).toMatchObject({ ops: 8, bytes: 32_768 });
    const bytes = fs.readFileSync(file);
    expect([bytes.indexOf(7), bytes.length]).toEqual([32_768, 65_536]);
    fs.writeFileSync(file, new Uint8Array(64 * 1024).fill(7));
  }
});

test('overlapping operations wait for each other where the job says so', async () => {
  const load = job(
    ...['rw=randwrite', 'size=8k', 'io_size=1m', 'norandommap', 'serialize_overlap=1'],
    ...['ioengine=io_uring', 'iodepth=16', 'verify=stamp'],
  );
  const { verification, depth, directions } = await runJob(load);
  expect(directions.write.ops).toBe(256);
  expect(verification).toMatchObject({ faultCount: 0 });
  // Two places: never more than two in flight.
  expect(depth.levels.slice(2).every((ops) => ops === 0)).toBe(true);
});

test('the layout says how a file came to its size', async () => {
  const layoutOf = async (...options: readonly string[]): Promise<unknown> => {
    fs.rmSync(file, { force: true });
    const { targets } = await runJob(job('size=64k', 'ioengine=psync', ...options));
    return targets[0]!.layout;
  };
  expect(await layoutOf('rw=read')).toBe('written');
  expect(await layoutOf('rw=write')).toBe('allocated');
  expect(await layoutOf('rw=write', 'overwrite=1')).toBe('written');
  expect(await layoutOf('rw=write', 'fallocate=none')).toBe('none');
  expect(await layoutOf('rw=write', 'fallocate=truncate')).toBe('sparse');
  const { targets } = await runJob(job('size=64k', 'ioengine=psync', 'rw=write', 'unlink=1'));
  expect(targets[0]!.layout).toBe('existing');
  expect(fs.existsSync(file)).toBe(false);
});

test('jobs of one phase run together, and the next phase after them', async () => {
  const text = [
    ...['[global]', 'bs=4k', 'size=64k', 'ioengine=psync', 'rw=write', `directory=${folder}`],
    ...['[one]', 'numjobs=2', '[two]', 'stonewall'],
  ].join('\n');
  const results = await runJobs(jobsOf(text));
  expect(results.map(({ job: { name } }) => name)).toEqual(['one', 'one', 'two']);
  const [first, second, last] = results;
  const endOf = (result: typeof first): number => result!.startedAtMs + result!.runtimeNs / 1e6;
  expect(last!.startedAtMs).toBeGreaterThanOrEqual(Math.max(endOf(first), endOf(second)));
  expect(first!.issuedOps + second!.issuedOps + last!.issuedOps).toBe(48);
});

test('a directory or any other character device is refused', async () => {
  for (const target of [folder, '/dev/full']) {
    const load = jobsOf(`[a]\nfilename=${target}\nrw=write\nsize=64k\nioengine=psync`)[0]!;
    await expect(runJob(load)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  }
});

test.skipIf(!isRoot)('a block device is written to only where the guard admits it', async () => {
  await createBackingFile(file, 1024 * 1024);
  await using loop = await createLoopDevice(file, { logicalBlockBytes: 4096 });
  const device = (rw: string, ...options: readonly string[]): FioJob =>
    jobsOf(
      [
        `[a]`,
        `filename=${loop.node}`,
        'bs=4k',
        'size=512k',
        'direct=1',
        `rw=${rw}`,
        ...options,
      ].join('\n'),
    )[0]!;
  const uring = ['ioengine=io_uring', 'iodepth=8'];
  await expect(runJob(device('randwrite', ...uring))).rejects.toMatchObject({
    code: 'DEVICE_REFUSED',
  });
  expect(fs.readFileSync(file).every((byte) => byte === 0)).toBe(true);
  const read = await runJob(device('randread', ...uring));
  expect(read).toMatchObject({ errors: { count: 0 }, directions: { read: { ops: 128 } } });
  const guard = { ownNodes: [loop.node] };
  const written = await runJob(device('randwrite', 'verify=stamp', ...uring), { guard });
  expect(written).toMatchObject({ endedBy: 'done', verification: { ops: 128, faultCount: 0 } });
  const { before, after, name } = written.disks[0]!;
  expect(`/dev/${name}`).toBe(loop.node);
  // Field 7 of /sys/block/DISK/stat: sectors written.
  expect(after[6]! - before[6]!).toBe(1024);
  const both = [
    device('randwrite', 'size=256k', ...uring),
    device('randwrite', 'size=256k', ...uring),
  ];
  const results = await runJobs(both, { guard });
  expect(results.map(({ issuedOps }) => issuedOps)).toEqual([64, 64]);
});
