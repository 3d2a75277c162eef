import type { Access } from '../job.ts';
import { bytePattern } from './byte-pattern.ts';
import { ValueProblem } from './problem.ts';
import { processorList, processorMask } from './processor-list.ts';
import {
  readBytes,
  readBytesOrShare,
  readDecimal,
  readSignedBytes,
  readTime,
  readWhole,
} from './quantities.ts';
import { blockSplit, distribution } from './splits.ts';
import {
  byteRange,
  bytesMin1,
  choice,
  flag,
  perDirection,
  required,
  text,
  whole,
  zeroOrOne,
  type ValueReader,
} from './value-readers.ts';

const seconds = required((value) => readTime(value, 's'));
const microseconds = required((value) => readTime(value, 'us'));
const percent = whole({ max: 100 });
const percents = perDirection((part) => readWhole(part, { max: 100 }));
const byteCount = required(readBytes);
const byteCountOrShare = required(readBytesOrShare);

/** Bytes or operations a second; 0 is none, as in fio. */
const rates = perDirection((part, units) => readBytes(part, units));

const accesses: Readonly<Record<string, { readonly access: Access; readonly isRandom: boolean }>> =
  {
    read: { access: 'read', isRandom: false },
    write: { access: 'write', isRandom: false },
    trim: { access: 'trim', isRandom: false },
    randread: { access: 'read', isRandom: true },
    randwrite: { access: 'write', isRandom: true },
    randtrim: { access: 'trim', isRandom: true },
    rw: { access: 'rw', isRandom: false },
    readwrite: { access: 'rw', isRandom: false },
    randrw: { access: 'rw', isRandom: true },
    trimwrite: { access: 'trimwrite', isRandom: false },
    randtrimwrite: { access: 'trimwrite', isRandom: true },
  };

/** `randwrite`, `randwrite:8` (a place for every 8), `write:4k` (a gap of 4k). */
const rw = required((value, units) => {
  const colon = value.indexOf(':');
  const word = colon === -1 ? value : value.slice(0, colon);
  const behind = colon === -1 ? undefined : value.slice(colon + 1);
  const { access, isRandom } = choice(accesses)(word, units);
  const opsPerDraw = isRandom && behind !== undefined ? readWhole(behind, { min: 1 }) : 1;
  const skipBytes = !isRandom && behind !== undefined ? readSignedBytes(behind, units) : 0;
  return { access, isRandom, opsPerDraw, skipBytes };
});

const engine = required((value) => {
  const engines = {
    sync: 'sync',
    psync: 'psync',
    pvsync: 'pvsync',
    vsync: 'pvsync',
    pvsync2: 'pvsync2',
    libaio: 'libaio',
    io_uring: 'io_uring',
    null: 'null',
    powercut: 'powercut',
  } as const;
  if (Object.hasOwn(engines, value)) return engines[value as keyof typeof engines];
  const nearest = value === 'posixaio' || value === 'mmap' ? 'io_uring' : 'psync or io_uring';
  throw new ValueProblem(
    `the engine "${value}" is not supported`,
    `use ${nearest}, or one of ${Object.keys(engines).join(', ')}`,
  );
});

const verifyKind = required((value) => {
  const kinds = {
    0: 'none',
    crc32c: 'crc32c',
    'crc32c-intel': 'crc32c',
    pattern: 'pattern',
    null: 'null',
    stamp: 'stamp',
  } as const;
  if (Object.hasOwn(kinds, value)) return kinds[value as unknown as keyof typeof kinds];
  throw new ValueProblem(
    `verify=${value} is not supported`,
    'use crc32c, pattern, or stamp, which also finds writes that were lost',
  );
});

/** `startdelay=5`, or `5-10` for one drawn in between. */
const delay = required((value) => {
  const [min = '', max] = value.split('-');
  const from = readTime(min, 's');
  return { min: from, max: max === undefined ? from : readTime(max, 's') };
});

const fileSizes = required((value, units) => {
  if (!/[-:]/.test(value)) return readBytes(value, units);
  const range = byteRange(value, units);
  if (range.min === range.max) return range.min;
  throw new ValueProblem(
    `files of random sizes (${value}) are not supported`,
    'give one size, or a section for each size',
  );
});

/** Files are separated by colons; a colon of a name has a backslash before it. */
const fileNames = required((value) => {
  const names = value.split(/(?<!\\):/).map((name) => name.replaceAll('\\:', ':'));
  const found = names.filter((name) => name !== '');
  if (found.length === 0) throw new ValueProblem('the value is empty', 'name a file or device');
  return found;
});

const percentiles = required((value) => {
  const found = value.split(':').map(readDecimal);
  if (found.length > 20) throw new ValueProblem(`${found.length} are too many`, 'give at most 20');
  const wrong = found.find((one) => one < 0 || one > 100);
  if (wrong !== undefined) throw new ValueProblem(`${wrong} is out of range`, 'use 0 to 100');
  return found;
});

/** `iops:2%`, `bw_slope:0.3%`, `iops:500`. */
const steadyState = required((value, units) => {
  const found = /^(iops|iops_slope|bw|bw_slope):([^%]+)(%?)$/.exec(value);
  if (found === null) {
    throw new ValueProblem(
      `"${value}" is no criterion`,
      'write iops, bw, iops_slope or bw_slope with a limit: iops:2%',
    );
  }
  const metric = found[1] as 'iops' | 'iops_slope' | 'bw' | 'bw_slope';
  const isPercent = found[3] === '%';
  const isBytes = !isPercent && metric.startsWith('bw');
  return {
    metric,
    isPercent,
    limit: isBytes ? readBytes(found[2]!, units) : readDecimal(found[2]!),
  };
});

/** A name to begin the log's with; bare: the name of the job. */
const logName: ValueReader<string> = (value) => value ?? '';

/** How every option that a job can have is read, by fio's name. */
export const readers = {
  name: text,
  description: text,
  filename: fileNames,
  directory: text,
  filename_format: text,
  nrfiles: whole({ min: 1, max: 65_535 }),
  size: byteCountOrShare,
  io_size: byteCountOrShare,
  filesize: fileSizes,
  offset: byteCountOrShare,
  offset_align: byteCount,
  offset_increment: byteCountOrShare,
  number_ios: whole(),
  create_on_open: zeroOrOne,
  unlink: zeroOrOne,
  overwrite: zeroOrOne,
  allow_mounted_write: zeroOrOne,
  invalidate: zeroOrOne,
  fallocate: choice({
    none: 'none',
    0: 'none',
    native: 'native',
    posix: 'posix',
    1: 'posix',
    keep: 'keep',
    truncate: 'truncate',
  } as const),

  rw,
  rw_sequencer: choice({ sequential: 'sequential', identical: 'identical' } as const),
  bs: perDirection((part, units) => nonZeroBytes(part, units)),
  bsrange: perDirection(byteRange),
  bssplit: blockSplit,
  bs_unaligned: flag,
  bs_is_seq_rand: zeroOrOne,
  blockalign: perDirection((part, units) => nonZeroBytes(part, units)),
  rwmixread: percent,
  rwmixwrite: percent,
  percentage_random: percents,
  loops: whole(),
  random_distribution: distribution,
  random_generator: choice({ tausworthe: 'free', tausworthe64: 'free', lfsr: 'covering' } as const),
  norandommap: flag,
  softrandommap: zeroOrOne,
  randrepeat: zeroOrOne,
  allrandrepeat: zeroOrOne,
  randseed: whole(),

  ioengine: engine,
  direct: zeroOrOne,
  buffered: zeroOrOne,
  iodepth: whole({ min: 1 }),
  iodepth_batch: whole(),
  iodepth_batch_complete_min: whole(),
  iodepth_batch_complete_max: whole(),
  iodepth_low: whole(),
  serialize_overlap: zeroOrOne,
  numjobs: whole({ min: 1, max: 4096 }),
  stonewall: flag,
  wait_for: text,
  startdelay: delay,
  cpus_allowed: processorList,
  cpumask: processorMask,
  cpus_allowed_policy: choice({ shared: 'shared', split: 'split' } as const),

  fsync: whole(),
  fdatasync: whole(),
  sync: choice({ none: 'none', 0: 'none', sync: 'sync', 1: 'sync', dsync: 'dsync' } as const),
  end_fsync: zeroOrOne,
  fsync_on_close: zeroOrOne,

  runtime: seconds,
  time_based: flag,
  ramp_time: seconds,
  rate: rates,
  rate_iops: rates,
  rate_process: choice({ linear: 'linear', poisson: 'poisson' } as const),
  rate_ignore_thinktime: zeroOrOne,
  thinktime: microseconds,
  thinktime_spin: microseconds,
  thinktime_blocks: whole({ min: 1 }),
  io_submit_mode: choice({ inline: 'closed', offload: 'open' } as const),
  max_latency: perDirection((part) => readTime(part, 'us')),

  zero_buffers: flag,
  refill_buffers: flag,
  scramble_buffers: zeroOrOne,
  buffer_pattern: bytePattern(false),
  buffer_compress_percentage: percent,
  buffer_compress_chunk: bytesMin1,
  dedupe_percentage: percent,

  verify: verifyKind,
  do_verify: zeroOrOne,
  verify_only: flag,
  verify_interval: byteCount,
  verify_offset: byteCount,
  verify_pattern: bytePattern(true),
  verify_fatal: zeroOrOne,

  group_reporting: flag,
  new_group: flag,
  percentile_list: percentiles,
  clat_percentiles: zeroOrOne,
  lat_percentiles: zeroOrOne,
  slat_percentiles: zeroOrOne,
  disable_slat: zeroOrOne,
  gtod_reduce: flag,
  unified_rw_reporting: choice({
    none: 'apart',
    0: 'apart',
    mixed: 'mixed',
    1: 'mixed',
    both: 'both',
    2: 'both',
  } as const),
  write_bw_log: logName,
  write_iops_log: logName,
  write_lat_log: logName,
  log_avg_msec: whole(),
  per_job_logs: zeroOrOne,
  steadystate: steadyState,
  steadystate_duration: seconds,
  steadystate_ramp_time: seconds,
  kb_base: choice({ 1000: 1000, 1024: 1024 } as const),
} satisfies Readonly<Record<string, ValueReader<unknown>>>;

function nonZeroBytes(part: string, units: { readonly kbBase: 1000 | 1024 }): number {
  return bytesMin1(part, units);
}

export type OptionName = keyof typeof readers;
export type OptionValues = {
  readonly [Name in OptionName]?: ReturnType<(typeof readers)[Name]>;
};

/** fio's other names for options. */
const aliases: Readonly<Record<string, OptionName>> = {
  readwrite: 'rw',
  blocksize: 'bs',
  blocksize_range: 'bsrange',
  blocksize_unaligned: 'bs_unaligned',
  ba: 'blockalign',
  io_limit: 'io_size',
  fileoffset: 'offset',
  nr_files: 'nrfiles',
  iodepth_batch_submit: 'iodepth_batch',
  iodepth_batch_complete: 'iodepth_batch_complete_min',
  timeout: 'runtime',
  wait_for_previous: 'stonewall',
  ss: 'steadystate',
  ss_dur: 'steadystate_duration',
  ss_ramp: 'steadystate_ramp_time',
};

/** The option that a name means, by fio's name or its alias. */
export function optionOf(name: string): OptionName | undefined {
  if (Object.hasOwn(readers, name)) return name as OptionName;
  return Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}

export const optionNames: readonly string[] = [...Object.keys(readers), ...Object.keys(aliases)];
