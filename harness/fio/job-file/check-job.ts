import { directionsOf, writesSomething, type FioJob } from '../job.ts';
import type { OptionName } from './option-table.ts';
import type { ProblemList } from './problem.ts';
import { isSynchronous, verifyHeaderBytes } from './resolve-job.ts';
import type { SectionValues } from './section-values.ts';

/** What io_uring takes at most (IORING_MAX_ENTRIES of the kernel). */
const ringEntriesMax = 32_768;

/** A chunk holds byte counts of 32 bits. */
const blockBytesMax = 2 ** 32 - 1;

/** Reports an error at the first of the options that is in the section, or at the section itself. */
type Report = (message: string, fix: string, ...options: readonly OptionName[]) => void;

function reporter(section: SectionValues, add: ProblemList['error']): Report {
  return (message, fix, ...options) => {
    const option = options.find((name) => section.placeOf(name) !== undefined);
    const place = option === undefined ? section.place : section.placeOf(option)!;
    add(place, message, fix, option);
  };
}

/** What can be said before files and sizes are known. */
export function checkSection(
  section: SectionValues,
  earlierJobs: ReadonlySet<string>,
  problems: ProblemList,
): void {
  const { values } = section;
  const error = reporter(section, problems.error.bind(problems));
  if (values.iodepth !== undefined && values.iodepth > ringEntriesMax) {
    error(
      `${values.iodepth} is above ${ringEntriesMax}, the limit of a ring`,
      `write at most ${ringEntriesMax}, or spread the load with numjobs`,
      'iodepth',
    );
  }
  if (values.wait_for !== undefined && !earlierJobs.has(values.wait_for)) {
    error(
      `no job above is called "${values.wait_for}"`,
      'name a job that stands above this one',
      'wait_for',
    );
  }
  if (values.cpus_allowed !== undefined && values.cpumask !== undefined) {
    error('cpus_allowed and cpumask cannot both hold', 'leave one of them out', 'cpumask');
  }
  if (values.time_based === true && (values.runtime ?? 0) === 0) {
    error('a time-based job has no end', 'give a runtime such as runtime=30s', 'time_based');
  }
  if (isAnySet(values.rate) && isAnySet(values.rate_iops)) {
    error('rate and rate_iops cannot both hold', 'leave one of them out', 'rate_iops');
  }
}

function isAnySet(rates: SectionValues['values']['rate']): boolean {
  return rates !== undefined && Object.values(rates).some((rate) => (rate ?? 0) > 0);
}

/** What is wrong with a job by itself. */
export function checkJob(
  job: FioJob,
  section: SectionValues,
  lbaBytes: number,
  problems: ProblemList,
): void {
  const error = reporter(section, problems.error.bind(problems));
  const warning = reporter(section, problems.warning.bind(problems));
  if (job.engine.isDirect) checkAlignment(job, lbaBytes, error);
  checkVerify(job, error);
  checkDistribution(job, error);
  if (
    directionsOf(job.pattern.access).some((one) => job.pattern.blocks[one].maxBytes > blockBytesMax)
  ) {
    error('a block has at most 4 GiB', 'make bs smaller', 'bs', 'bsrange', 'bssplit');
  }
  if (isSynchronous(job.engine.name) && (section.values.iodepth ?? 1) > 1) {
    warning(
      `the engine ${job.engine.name} has one request in flight, so iodepth is 1`,
      'use ioengine=io_uring for a deeper queue',
      'iodepth',
    );
  }
}

function checkAlignment(job: FioJob, lbaBytes: number, error: Report): void {
  const { pattern, extent } = job;
  const isOdd = (bytes: number): boolean => bytes % lbaBytes !== 0;
  const fix = `use multiples of ${lbaBytes}, or direct=0`;
  for (const direction of directionsOf(pattern.access)) {
    const { minBytes, maxBytes, alignBytes, split } = pattern.blocks[direction];
    const odd = [minBytes, maxBytes, ...split.map(({ byteCount }) => byteCount)].find(isOdd);
    if (odd !== undefined) {
      const message = `direct=1 moves whole logical blocks of ${lbaBytes} bytes, and ${odd} is no multiple`;
      error(message, fix, 'bssplit', 'bsrange', 'bs', 'direct');
    } else if (isOdd(alignBytes)) {
      error(
        `direct=1 needs places at multiples of ${lbaBytes}, not ${alignBytes}`,
        fix,
        'blockalign',
      );
    }
  }
  if (pattern.isUnaligned) error('direct=1 needs aligned sizes', 'leave it out', 'bs_unaligned');
  const oddFile = extent.files.find(({ byteOffset }) => isOdd(byteOffset));
  if (oddFile !== undefined) {
    const message = `direct=1 needs an offset that is a multiple of ${lbaBytes}, not ${oddFile.byteOffset}`;
    error(message, fix, 'offset', 'offset_increment');
  }
  if (isOdd(pattern.skipBytes)) {
    error(`direct=1 needs gaps of multiples of ${lbaBytes}, not ${pattern.skipBytes}`, fix, 'rw');
  }
}

function checkVerify(job: FioJob, error: Report): void {
  const { verify, pattern, queue } = job;
  if (verify.kind === 'none') return;
  if (verify.kind === 'pattern' && verify.pattern === null) {
    error('verify=pattern needs a pattern', 'give verify_pattern=0xdeadbeef', 'verify');
  }
  const headerBytes = verifyHeaderBytes(verify);
  if (verify.headerAtByte > 0 && verify.headerAtByte < headerBytes) {
    const message = `a header of ${headerBytes} bytes cannot change places with byte ${verify.headerAtByte}`;
    error(message, `write at least ${headerBytes}, or leave it out`, 'verify_offset');
  }
  if (verify.headerAtByte + headerBytes > verify.intervalBytes) {
    const message = `a header of ${headerBytes} bytes at ${verify.headerAtByte} has no room in ${verify.intervalBytes} bytes`;
    error(
      message,
      'make verify_interval or bs larger',
      'verify_offset',
      'verify_interval',
      'bs',
      'verify',
    );
  }
  if (verify.kind === 'stamp' && verify.intervalBytes % 512 !== 0) {
    error(
      `a stamp covers sectors of 512 bytes, not ${verify.intervalBytes}`,
      'use multiples of 512',
      'verify_interval',
      'bs',
      'verify',
    );
  }
  if (verify.kind === 'stamp' && verify.headerAtByte !== 0) {
    error('a stamp begins with its block', 'leave it out', 'verify_offset');
  }
  const mayOverlap =
    writesSomething(job) && pattern.isRandom && !pattern.hasRandomMap && queue.depth > 1;
  if (mayOverlap && !queue.isOverlapSerialized) {
    error(
      'two writes of one block may be in flight, and either of them may stay',
      'add serialize_overlap=1, leave out norandommap, or use iodepth=1',
      'verify',
    );
  }
}

function checkDistribution(job: FioJob, error: Report): void {
  const { distribution } = job.pattern;
  if (distribution.kind !== 'zoned_abs') return;
  const smallest = Math.min(...job.extent.files.map(({ byteCount }) => byteCount));
  for (const direction of directionsOf(job.pattern.access)) {
    const end = distribution.zones[direction].at(-1)?.endBytes ?? 0;
    if (end > smallest) {
      error(
        `the zones end at byte ${end} of a region of ${smallest}`,
        'make the zones smaller',
        'random_distribution',
      );
    }
  }
}
