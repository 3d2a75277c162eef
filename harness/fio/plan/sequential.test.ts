import { expect, test } from 'vitest';
import { jobWith } from '../job-file/reading.fixture.ts';
import { loggedRuns } from './fio-run.fixture.ts';
import { plannedOps } from './plan-ops.fixture.ts';

/** Jobs whose sequence leaves nothing to chance, so that it must be fio's, operation by operation. */
const jobs: readonly (readonly string[])[] = [
  ['rw=write', 'size=40k', 'bs=4k', 'fsync=3'],
  ['rw=write', 'size=12k', 'bs=4k', 'loops=2', 'fsync=2'],
  ['rw=write', 'size=16k', 'bs=4k', 'io_size=40k'],
  ['rw=write', 'size=40k', 'bs=4k', 'io_size=20k'],
  ['rw=write:4k', 'size=40k', 'bs=4k'],
  ['rw=write:2k', 'size=20k', 'bs=4k', 'offset=6k'],
  ['rw=trimwrite', 'size=16k', 'bs=4k'],
  ['rw=trimwrite', 'size=20k', 'bs=4k', 'number_ios=3'],
  ['rw=trim', 'size=16k', 'bs=8k'],
  ['rw=write', 'size=10k', 'bs=4k'],
  ['rw=write', 'size=40k', 'bs=4k', 'number_ios=3', 'loops=2'],
  ['rw=read:-4k', 'size=40k', 'bs=4k'],
  ['rw=write', 'size=40k', 'bs=4k', 'offset=6k'],
  ['rw=write', 'filesize=16k', 'bs=4k', 'size=40k'],
  ['rw=write', 'filesize=20k', 'bs=4k', 'size=100k', 'io_size=28k'],
  ['rw=write', 'filesize=100k', 'bs=4k', 'size=50%'],
  ['rw=write', 'size=16k', 'bs=4k', 'fdatasync=2'],
  ['rw=read', 'size=64k', 'bs=4k,8k', 'loops=3'],
  ['rw=write', 'size=64k', 'bs=4k,8k'],
  ['rw=rw', 'size=40k', 'bs=4k', 'rwmixread=100'],
  ['rw=rw', 'size=40k', 'bs=4k', 'rwmixwrite=100', 'fsync=4'],
];

/** All of them in one run of fio. */
const logged = loggedRuns(jobs.map((options, index) => [`filename=data${index}`, ...options]));

test.each(jobs.map((options, index) => [options.join(' '), options, index] as const))(
  'a sequential job issues what fio issues, in its order: %s',
  async (_, options, index) => {
    const expected = (await logged)[index]!.map(({ kind, byteOffset, byteCount }) => ({
      kind,
      fileIndex: 0,
      byteOffset,
      byteCount,
    }));
    expect(expected.length).toBeGreaterThan(0);
    expect(plannedOps(jobWith('ioengine=null', ...options))).toEqual(expected);
  },
);

test('the files of a job take turns, as in fio', async () => {
  const options = ['rw=write', 'size=32k', 'bs=4k', 'filename=one:two'];
  const [run] = await loggedRuns([options]);
  const planned = plannedOps(jobWith('ioengine=null', ...options));
  const place = ({ byteOffset }: { byteOffset: number }): number => byteOffset;
  expect(planned.map(place)).toEqual(run!.map(place));
  expect(planned.map(({ fileIndex }) => ['one', 'two'][fileIndex])).toEqual(
    run!.map(({ file }) => file),
  );
});
