import { prepareTarget, type BenchTarget } from '../measure/bench-target.fixture.ts';
import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../measure/benchmark.ts';
import { fioMissing, hasFio, runFio } from '../measure/fio.ts';
import { pairsOfFullSize, rowOfPairs, spreadOf, type Pair } from '../measure/paired-runs.ts';
import type { UringDevice } from './uring-device.ts';

const mebibyte = 1024 * 1024;

interface Load {
  readonly name: string;
  readonly operation: 'read' | 'write';
  readonly fua: boolean;
  readonly byteCount: number;
  readonly depth: number;
  /** What is compared: operations a second, or the median latency in µs. */
  readonly figure: 'rate' | 'latency';
}

const loads: readonly Load[] = [
  {
    name: 'durable 8 KiB write, alone in flight, median latency',
    operation: 'write',
    fua: true,
    byteCount: 8192,
    depth: 1,
    figure: 'latency',
  },
  ...[4096, 65_536, 262_144].map((byteCount): Load => ({
    name: `${byteCount / 1024} KiB writes, 32 in flight`,
    operation: 'write',
    fua: false,
    byteCount,
    depth: 32,
    figure: 'rate',
  })),
  ...[8, 16].map((depth): Load => ({
    name: `1 MiB reads, ${depth} in flight`,
    operation: 'read',
    fua: false,
    byteCount: mebibyte,
    depth,
    figure: 'rate',
  })),
];

/** The device as an engine sees it, a promise for each request, against fio's default io_uring. */
const uringDevice: Benchmark = {
  name: 'io_uring device against fio --ioengine=io_uring, direct I/O, in order',
  run: async (size, options = {}) => {
    const isSmoke = size === 'smoke';
    await using target = await prepareTarget(options.target, (isSmoke ? 16 : 256) * mebibyte);
    const rows: BenchmarkRow[] = [];
    for (const load of loads) rows.push(await compare(target, load, size));
    return rows;
  },
};

async function compare(
  target: BenchTarget,
  load: Load,
  size: BenchmarkSize,
): Promise<BenchmarkRow> {
  const seconds = size === 'smoke' ? 0.02 : 1;
  const unit = load.figure === 'rate' ? 'times the operations a second' : 'µs longer';
  if (size === 'smoke' || !(await hasFio())) {
    const ours = await measureOurs(target, load, seconds);
    const note = size === 'smoke' ? 'not compared' : fioMissing;
    const ownUnit = load.figure === 'rate' ? 'operations a second' : 'µs';
    return { what: load.name, value: ours, unit: ownUnit, note };
  }
  const pairs: Pair[] = [];
  for (let pair = 0; pair < pairsOfFullSize; pair++) {
    const ours = await measureOurs(target, load, seconds);
    pairs.push({ ours, peer: await measureFio(target, load, seconds) });
  }
  return rowOfPairs(pairs, {
    what: load.name,
    unit,
    compare: ({ ours, peer }) => (load.figure === 'rate' ? ours / peer : ours - peer),
    bound: load.figure === 'rate' ? { atLeast: 0.95 } : { atMost: 15 },
    peer: 'fio',
  });
}

async function measureOurs(target: BenchTarget, load: Load, seconds: number): Promise<number> {
  await using device = await target.open();
  const { depth, byteCount, figure } = load;
  const blocks = byteCount / device.geometry.logicalBlockBytes;
  const places = Math.floor(target.byteCount / byteCount);
  const latenciesMs: number[] = [];
  let next = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const lane = async (): Promise<void> => {
    const memory = device.allocate(byteCount).fill(0x5a);
    for (let nowMs = performance.now(); nowMs < endMs;) {
      await request(device, load, (next++ % places) * blocks, memory);
      const doneMs = performance.now();
      latenciesMs.push(doneMs - nowMs);
      nowMs = doneMs;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  if (figure === 'latency') return spreadOf(latenciesMs).median * 1000;
  return (latenciesMs.length / (performance.now() - startMs)) * 1000;
}

function request(
  device: UringDevice,
  { operation, fua }: Load,
  lba: number,
  memory: Uint8Array,
): Promise<number> {
  return operation === 'read' ? device.read(lba, memory) : device.write(lba, memory, { fua });
}

async function measureFio(target: BenchTarget, load: Load, seconds: number): Promise<number> {
  const answer = await runFio({
    filename: target.path,
    size: target.byteCount,
    ioengine: 'io_uring',
    iodepth: load.depth,
    bs: load.byteCount,
    rw: load.operation,
    time_based: 1,
    runtime: seconds,
    ...(load.fua ? { sync: 'dsync' } : {}),
  });
  return load.figure === 'rate' ? answer.operationsPerSecond : answer.latencyP50Ns / 1000;
}

export default uringDevice;
