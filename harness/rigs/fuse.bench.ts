import * as path from 'node:path';
import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../measure/benchmark.ts';
import { runFio } from '../measure/fio.ts';
import { kernelTwinGap } from './fuse.ts';
import { TwinForTest, ext4Options, twinGeometry, xfsOptions } from './kernel-twin.fixture.ts';

interface Load {
  readonly what: string;
  /** Undefined: on the bare loop device. */
  readonly type: 'ext4' | 'xfs' | undefined;
  readonly job: Readonly<Record<string, string | number>>;
}

const loads: readonly Load[] = [
  ...(['ext4', 'xfs'] as const).map((type): Load => ({
    what: `${type}, 4 KiB random overwrites, fdatasync after each`,
    type,
    job: { rw: 'randwrite', bs: '4k', fdatasync: 1, ioengine: 'psync', overwrite: 1, direct: 0 },
  })),
  {
    what: 'bare device, 4 KiB random writes, 32 in flight',
    type: undefined,
    job: { rw: 'randwrite', bs: '4k', iodepth: 32, ioengine: 'libaio', direct: 1 },
  },
  {
    what: 'bare device, 128 KiB writes in order, 8 in flight',
    type: undefined,
    job: { rw: 'write', bs: '128k', iodepth: 8, ioengine: 'libaio', direct: 1 },
  },
];

/** The recorded drive under the kernel: it must keep up with what a file system asks of it. */
const kernelTwin: Benchmark = {
  name: 'the twin under the kernel, through FUSE and a loop device, everything recorded',
  run: async (size) => {
    const gap = kernelTwinGap();
    if (gap !== undefined) return [{ what: 'nothing was measured', value: 1, unit: '', note: gap }];
    const rows: BenchmarkRow[] = [];
    for (const load of loads) rows.push(...(await measure(load, size)));
    return rows;
  },
};

async function measure({ what, type, job }: Load, size: BenchmarkSize): Promise<BenchmarkRow[]> {
  await using test = await TwinForTest.start({ geometry: twinGeometry() });
  const standard = type === 'xfs' ? xfsOptions : ext4Options;
  const root = type === undefined ? undefined : await test.make(type, standard);
  const { operationsPerSecond } = await runFio({
    filename: root === undefined ? test.twin.node : path.join(root, 'file'),
    size: '8M',
    time_based: 1,
    runtime: size === 'smoke' ? 0.2 : 3,
    ...job,
  });
  const startedMs = performance.now();
  const history = await test.twin.cut();
  const tookMs = performance.now() - startedMs;
  return [
    { what, value: operationsPerSecond, unit: 'operations a second' },
    {
      what: '  handing the history over',
      value: tookMs,
      unit: 'ms',
      note: `${history.end} events`,
    },
  ];
}

export default kernelTwin;
