import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { jobWith } from '../job-file/reading.fixture.ts';
import { createOpChunk } from '../plan/op-chunk.ts';
import { createPlan } from '../plan/plan.ts';
import { WrittenBlocks } from '../plan/written-blocks.ts';
import { createBufferFiller } from './buffer-filler.ts';
import { createBlockVerifier } from './verify-blocks.ts';

let directory = '';
beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fio-contents-'));
});
afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

/** Runs fio on a file in the directory; answers its exit code. */
async function fio(...options: readonly string[]): Promise<number | undefined> {
  const given = options.map((option) => `--${option}`);
  const fixed = ['--name=v', '--verify_state_save=0', '--ioengine=psync'];
  const { exitCode, failed, code } = await execa('fio', [...fixed, ...given], {
    cwd: directory,
    reject: false,
    stdin: 'ignore',
  });
  if (failed && code === 'ENOENT') throw new Error('fio is not installed');
  return exitCode;
}

/** Writes the file of a job as its plan, filler and verifier say. */
function writeFile(name: string, options: readonly string[]): string {
  const job = jobWith(...options);
  const file = path.join(directory, name);
  const image = Buffer.alloc(job.extent.files[0]!.fileBytes);
  const filler = createBufferFiller(job.contents, createRandom(3));
  const verifier = createBlockVerifier(job, 3);
  const plan = createPlan(job, 3);
  const chunk = createOpChunk(16);
  let writeNumber = 0;
  while (plan.fill(chunk) > 0) {
    for (let at = 0; at < chunk.count; at++) {
      if (chunk.kinds[at] !== 1) continue;
      const byteOffset = chunk.byteOffsets[at]!;
      const target = image.subarray(byteOffset, byteOffset + chunk.byteCounts[at]!);
      filler.fill(target, byteOffset);
      verifier?.seal(target, { byteOffset, writeNumber });
      writeNumber++;
    }
  }
  fs.writeFileSync(file, image);
  return file;
}

test.each([[['bs=4k']], [['bs=8k', 'verify_interval=4k', 'verify_offset=1000']], [['bs=1k']]])(
  'fio verifies what is written with verify=crc32c: %j',
  async (options) => {
    const common = ['size=256k', 'verify=crc32c', ...options];
    const file = writeFile('ours', ['rw=randwrite', ...common]);
    expect(await fio('filename=ours', 'rw=read', ...common)).toBe(0);
    const bytes = fs.readFileSync(file);
    // In the last interval of a block: of the others' errors, fio 3.33 forgets the exit code.
    bytes[12 * 8192 + 8000]! ^= 1;
    fs.writeFileSync(file, bytes);
    expect(await fio('filename=ours', 'rw=read', ...common)).not.toBe(0);
  },
);

test('what fio writes with verify=crc32c is found right, and a flipped bit is found', async () => {
  const common = ['size=256k', 'bs=8k', 'verify_interval=4k', 'verify=crc32c'];
  expect(await fio('filename=theirs', 'rw=write', 'do_verify=0', ...common)).toBe(0);
  const job = jobWith('rw=write', ...common);
  const verifier = createBlockVerifier(job, 0)!;
  const bytes = fs.readFileSync(path.join(directory, 'theirs'));
  const faults = (): unknown[] =>
    Array.from({ length: 32 }, (_, block) =>
      verifier.check(bytes.subarray(block * 8192, (block + 1) * 8192), {
        byteOffset: block * 8192,
        writeNumber: block,
      }),
    ).filter((fault) => fault !== undefined);
  expect(faults()).toEqual([]);
  bytes[5 * 8192 + 4096 + 200]! ^= 4;
  expect(faults()).toEqual([{ byteOffset: 5 * 8192 + 4096, byteCount: 4096, kind: 'corrupt' }]);
});

const patterns = ['0xdeadbeef', '0x123', '300', '-21', '"abcd"-120xdeadface', '70000', '5'];

test('a buffer pattern fills as fio fills it', async () => {
  const common = ['rw=write', 'size=8k', 'bs=4k'];
  // One run of fio for all: every --name begins a job, and the first one takes the first pattern.
  const jobs = patterns.flatMap((pattern, index) => [
    ...(index === 0 ? [] : [`name=p${index}`]),
    `filename=pattern${index}`,
    ...common,
    `buffer_pattern=${pattern}`,
  ]);
  expect(await fio(...jobs)).toBe(0);
  for (const [index, pattern] of patterns.entries()) {
    const ours = fs.readFileSync(writeFile('ours', [...common, `buffer_pattern=${pattern}`]));
    const theirs = fs.readFileSync(path.join(directory, `pattern${index}`));
    expect(ours.equals(theirs), pattern).toBe(true);
  }
});

test('verify=pattern writes what fio writes, offsets included', async () => {
  const common = ['size=32k', 'bs=4k', 'verify=pattern', 'verify_pattern=0xff%o"abcd"-21'];
  await fio('filename=pattern', 'rw=write', 'do_verify=0', ...common);
  const ours = writeFile('ours', ['rw=write', ...common]);
  expect(fs.readFileSync(ours).equals(fs.readFileSync(path.join(directory, 'pattern')))).toBe(true);
});

test('contents compress as far as the job says', () => {
  const ratio = (...options: string[]): number => {
    const bytes = fs.readFileSync(writeFile('ours', ['rw=write', 'size=1m', 'bs=64k', ...options]));
    return deflateSync(bytes).length / bytes.length;
  };
  expect(ratio('refill_buffers')).toBeGreaterThan(0.99);
  expect(ratio()).toBeGreaterThan(0.99);
  expect(ratio('buffer_compress_percentage=70')).toBeCloseTo(0.3, 1);
  expect(ratio('buffer_compress_percentage=100')).toBeLessThan(0.01);
  expect(ratio('zero_buffers')).toBeLessThan(0.01);
});

test('buffers that are only scrambled differ in every sector, and by 16 bytes', () => {
  const filler = createBufferFiller(jobWith('rw=write', 'size=1m').contents, createRandom(1));
  const target = new Uint8Array(4096);
  filler.fill(target, 0);
  const before = Buffer.from(target);
  filler.change(target, 4096, 1);
  for (let sector = 0; sector < 8; sector++) {
    const range = [sector * 512, (sector + 1) * 512] as const;
    const changed = target.subarray(...range).filter((byte, at) => byte !== before[range[0] + at]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThanOrEqual(16);
  }
});

test('dedupe_percentage repeats that share of the buffers', () => {
  const { contents } = jobWith('rw=write', 'size=1m', 'refill_buffers', 'dedupe_percentage=30');
  const filler = createBufferFiller(contents, createRandom(1));
  const target = new Uint8Array(512);
  let repeated = 0;
  let before = Buffer.alloc(512);
  for (let write = 0; write < 2000; write++) {
    filler.change(target, write * 512, write);
    if (before.equals(target)) repeated++;
    before = Buffer.from(target);
  }
  expect(repeated / 2000).toBeCloseTo(0.3, 1);
});

test('a stamp finds the write that was lost, which fio does not', () => {
  const job = jobWith('rw=randwrite', 'size=64k', 'bs=8k', 'verify=stamp', 'verify_interval=4k');
  const verifier = createBlockVerifier(job, 9)!;
  const older = new Uint8Array(8192);
  const newer = new Uint8Array(8192);
  verifier.seal(older, { byteOffset: 8192, writeNumber: 4 });
  verifier.seal(newer, { byteOffset: 8192, writeNumber: 7 });
  const check = (bytes: Uint8Array, byteOffset = 8192): string | undefined =>
    verifier.check(bytes, { byteOffset, writeNumber: 7 })?.kind;
  expect(check(newer)).toBeUndefined();
  expect(check(older)).toBe('stale');
  expect(check(newer, 16_384)).toBe('misdirected');
  const torn = new Uint8Array([...newer.subarray(0, 6144), ...older.subarray(6144)]);
  expect(check(torn)).toBe('torn');
  expect(check(new Uint8Array(8192))).toBe('zeroed');
});

test('blocks are read back as they were written last, in the order of fio', () => {
  const orderOf = (...options: string[]): readonly (readonly number[])[] => {
    const job = jobWith('bs=4k', ...options);
    const written = new WrittenBlocks(job);
    const plan = createPlan(job, 5);
    const chunk = createOpChunk(64);
    while (plan.fill(chunk) > 0) written.add(chunk);
    const { count, byteOffsets, writeNumbers } = written.readBack();
    return Array.from({ length: count }, (_, at) => [byteOffsets[at]! / 4096, writeNumbers[at]!]);
  };
  const mapped = orderOf('rw=randwrite', 'size=400k');
  expect(mapped.map(([, number]) => number)).toEqual(Array.from({ length: 100 }, (_, at) => at));
  const free = orderOf('rw=randwrite', 'size=400k', 'norandommap', 'io_size=1600k');
  const blocks = free.map(([block]) => block!);
  expect(blocks).toEqual([...new Set(blocks)].sort((one, other) => one - other));
  expect(Math.max(...free.map(([, number]) => number!))).toBe(399);
});

test('a write that a later one has overlapped is not read back', () => {
  const job = jobWith('rw=randwrite', 'size=64k', 'norandommap', 'bs=4k');
  const written = new WrittenBlocks(job);
  const chunk = createOpChunk(4);
  for (const [at, [byteOffset, byteCount]] of [
    [0, 16_384],
    [8192, 4096],
    [32_768, 512],
    [12_288, 8192],
  ].entries()) {
    chunk.kinds[at] = 1;
    chunk.byteOffsets[at] = byteOffset!;
    chunk.byteCounts[at] = byteCount!;
  }
  chunk.count = 4;
  written.add(chunk);
  const { count, byteOffsets, writeNumbers } = written.readBack();
  expect(count).toBe(3);
  expect([...byteOffsets]).toEqual([8192, 12_288, 32_768]);
  expect([...writeNumbers]).toEqual([1, 3, 2]);
});
