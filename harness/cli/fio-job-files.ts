import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { deviceNumberOf } from '../device/device-facts.ts';
import { readBlockDeviceFacts } from '../device/sysfs.ts';
import type { FioJob } from '../fio/job.ts';
import { readCommandLine } from '../fio/job-file/command-line.ts';
import { problemLine, refuseErrors } from '../fio/job-file/problem.ts';
import { readJobFile, type JobFile, type ReadingContext } from '../fio/job-file/read-job-file.ts';
import { nearestName } from './nearest-name.ts';

/** The jobs of one job file, or of one command line in fio's words. */
export interface ReadJobs {
  readonly name: string;
  readonly jobs: readonly FioJob[];
  /** Options without effect, and the like; each with its place. */
  readonly warnings: readonly string[];
}

export interface JobFileWish {
  /** Relative names of job files start from it; names in the jobs do too, as with fio. */
  readonly directory: string;
  /** `name=value`, which outrank what the file says. */
  readonly sets: readonly string[];
  /** The jobs run on the volume of an engine: their files are no files of this machine. */
  readonly hasEngine?: boolean;
}

/** Throws CONFIG_INVALID with every error of the file, each with its line and what to do. */
export function readJobsOfFile(name: string, wish: JobFileWish): ReadJobs {
  const text = requiredText(name, wish);
  return checkedTwice(name, wish, (context) => readJobFile(text, name, context));
}

/** Jobs in the form of fio's command line: `--name=a --rw=randwrite --size=1g`. */
export function readJobsOfWords(words: readonly string[], wish: JobFileWish): ReadJobs {
  return checkedTwice('command line', wish, (context) => readCommandLine(words, context));
}

/**
 * Reads once to learn which files there are, and again knowing their disk: the size of its blocks, and
 * how much room is left on it.
 */
function checkedTwice(
  name: string,
  wish: JobFileWish,
  read: (context: ReadingContext) => JobFile,
): ReadJobs {
  const context = wish.hasEngine === true ? volumeContext(wish) : machineContext(wish);
  const first = read(context);
  refuseErrors(first.problems);
  if (wish.hasEngine === true) {
    return { name, jobs: first.jobs, warnings: first.problems.map(problemLine) };
  }
  refuseEngineJobs(first.jobs);
  const paths = first.jobs.flatMap(({ extent }) => extent.files.map((file) => file.path));
  const { jobs, problems } = read({ ...context, ...diskFactsOf(paths) });
  refuseErrors(problems);
  return { name, jobs, warnings: problems.map(problemLine) };
}

/** Which engine it would be, and on what, the job does not say. */
function refuseEngineJobs(jobs: readonly FioJob[]): void {
  const lines = jobs
    .filter(({ engine }) => engine.name === 'powercut')
    .map(
      ({ source, name }) =>
        `${source.file}:${source.line}: ioengine: powercut in the job "${name}" is an engine under test, ` +
        `and none is named; add --engine journal to measure it, or cut its power: ` +
        `powercut run --engine journal --workload ./job.fio`,
    );
  if (lines.length > 0) throw new HarnessError('CONFIG_INVALID', [...new Set(lines)].join('\n'));
}

/** What job files are read with on this machine, before anything is known of their targets. */
function machineContext({ directory, sets }: JobFileWish): ReadingContext {
  return {
    environment: process.env,
    machine: {
      pageBytes: 4096,
      cpuCount: os.availableParallelism(),
      memoryMebibytes: Math.floor(os.totalmem() / 2 ** 20),
    },
    readInclude: (name, includedFrom) =>
      textOf(path.resolve(directory, path.dirname(includedFrom), name)),
    factsOf,
    lbaBytes: smallestBlock,
    overrides: sets,
    nearestName,
  };
}

/** A volume is named by nothing, and is as large as the engine says once it is open. */
export function volumeContext(wish: JobFileWish): ReadingContext {
  return { ...machineContext(wish), factsOf: () => undefined };
}

const smallestBlock = 512;

function factsOf(target: string): ReturnType<ReadingContext['factsOf']> {
  const found = fs.statSync(target, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isBlockDevice()) return { byteCount: found.size, canGrow: true };
  const { byteCount } = readBlockDeviceFacts(target, deviceNumberOf(found.rdev));
  return { byteCount, canGrow: false };
}

/** The largest block of all disks that can be known, and the room of the one file system, if it is one. */
function diskFactsOf(
  paths: readonly string[],
): Pick<ReadingContext, 'lbaBytes'> & { readonly roomBytes?: number } {
  const places = paths.map(placeOf);
  const fileSystems = new Set(places.map(({ device }) => device));
  const [only] = places;
  return {
    lbaBytes: Math.max(smallestBlock, ...places.map(({ lbaBytes }) => lbaBytes)),
    // Devices need no room; and of several file systems each has its own, which fio does not ask either.
    ...(fileSystems.size === 1 && only?.roomBytes !== undefined
      ? { roomBytes: only.roomBytes }
      : {}),
  };
}

interface TargetPlace {
  readonly device: number;
  readonly lbaBytes: number;
  readonly roomBytes: number | undefined;
}

function placeOf(target: string): TargetPlace {
  const found = fs.statSync(target, { throwIfNoEntry: false });
  const isFile = found === undefined || found.isFile();
  const place = isFile ? nearestFolder(target) : target;
  const { dev, rdev } = fs.statSync(place);
  const device = isFile ? dev : rdev;
  const space = isFile ? fs.statfsSync(place) : undefined;
  return {
    device,
    lbaBytes: isFile || found.isBlockDevice() ? blockBytesOf(device) : smallestBlock,
    roomBytes: space && space.bavail * space.bsize,
  };
}

/** A job may make the folder of its files. */
function nearestFolder(target: string): string {
  let folder = path.dirname(path.resolve(target));
  while (!fs.existsSync(folder)) folder = path.dirname(folder);
  return folder;
}

function blockBytesOf(device: number): number {
  try {
    return readBlockDeviceFacts('', deviceNumberOf(device)).logicalBlockBytes;
  } catch {
    // Btrfs, overlays and memory have a device number that is no disk's.
    return smallestBlock;
  }
}

export function requiredText(name: string, { directory }: JobFileWish): string {
  const text = textOf(path.resolve(directory, name));
  if (text !== undefined) return text;
  throw new HarnessError(
    'CONFIG_INVALID',
    `${name} cannot be read; expected a fio job file, such as one with the line [job] and rw=randwrite under it`,
  );
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
