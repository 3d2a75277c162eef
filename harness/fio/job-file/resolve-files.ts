import * as path from 'node:path';
import { directions, type FioFile, type FioJob } from '../job.ts';
import type { OptionName } from './option-table.ts';
import type { ProblemList } from './problem.ts';
import type { Share } from './quantities.ts';
import type { SectionValues } from './section-values.ts';

/** What is known of a file or device before the run. */
export interface TargetFacts {
  readonly byteCount: number;
  /** False for devices: a region must not reach beyond the end. */
  readonly canGrow: boolean;
}

export interface FileContext {
  readonly problems: ProblemList;
  readonly jobName: string;
  readonly clone: number;
  /** Undefined for what does not exist. */
  factsOf(path: string): TargetFacts | undefined;
}

export interface FilePlan {
  readonly files: readonly FioFile[];
  readonly sizeBytes: number;
  readonly ioBytes: number | null;
}

/** Sets out the files of a job and their regions, as fio's setup_files does; undefined after an error. */
export function resolveFiles(
  section: SectionValues,
  pattern: FioJob['pattern'],
  context: FileContext,
): FilePlan | undefined {
  const { values } = section;
  const minBytes = Math.min(...directions.map((direction) => pattern.blocks[direction].minBytes));
  const paths = pathsOf(section, context);
  const sizes = dividedSize(values.size, paths.length, minBytes);
  const files: FioFile[] = [];
  for (const [index, filePath] of paths.entries()) {
    const facts = context.factsOf(filePath);
    const file = fileOf(section, context, { filePath, facts, sizeBytes: sizes[index], minBytes });
    if (file === undefined) return undefined;
    files.push(file);
  }
  const total = files.reduce((sum, file) => sum + file.byteCount, 0);
  const given = typeof values.size === 'number' && values.size > 0 ? values.size : total;
  const sizeBytes = Math.min(given, total);
  if (sizeBytes < minBytes) {
    report(
      section,
      context,
      'size',
      `a region of ${sizeBytes} bytes has no room for a block of ${minBytes}`,
      'make size larger or bs smaller',
    );
    return undefined;
  }
  return { files, sizeBytes, ioBytes: ioBytesOf(values.io_size, total) };
}

function pathsOf({ values }: SectionValues, { jobName, clone }: FileContext): readonly string[] {
  const names = values.filename ?? defaultNames(values, jobName, clone);
  const { directory } = values;
  return names.map((name) => (directory === undefined ? name : path.join(directory, name)));
}

/** `NAME.CLONE.FILE`; a job that is named as a device works on the device. */
function defaultNames(
  { nrfiles = 1, filename_format: format = '$jobname.$jobnum.$filenum' }: SectionValues['values'],
  jobName: string,
  clone: number,
): readonly string[] {
  if (jobName.startsWith('/')) return [jobName];
  return Array.from({ length: nrfiles }, (_, index) =>
    format
      .replaceAll('$jobname', jobName)
      .replaceAll('$jobnum', String(clone))
      .replaceAll('$clientuid', 'localhost')
      .replaceAll('$filenum', String(index)),
  );
}

/** The size per file in whole blocks; what is left over makes the first files larger. */
function dividedSize(
  size: number | Share | undefined,
  fileCount: number,
  minBytes: number,
): readonly (number | undefined)[] {
  if (typeof size !== 'number' || size === 0) return Array<undefined>(fileCount).fill(undefined);
  const each = Math.floor(size / fileCount / minBytes) * minBytes;
  let extra = Math.floor((size - each * fileCount) / minBytes);
  return Array.from({ length: fileCount }, () => each + (extra-- > 0 ? minBytes : 0));
}

interface OneFile {
  readonly filePath: string;
  readonly facts: TargetFacts | undefined;
  /** Its part of `size`; undefined where that is not a number. */
  readonly sizeBytes: number | undefined;
  readonly minBytes: number;
}

function fileOf(
  section: SectionValues,
  context: FileContext,
  { filePath, facts, sizeBytes, minBytes }: OneFile,
): FioFile | undefined {
  const { values } = section;
  const existing = facts?.byteCount ?? 0;
  const byteOffset = offsetOf(section, context, existing, minBytes);
  if (byteOffset === undefined) return undefined;
  const whole = wholeRegion(values.filesize, existing, byteOffset, sizeBytes);
  if (whole === undefined) {
    const message =
      facts === undefined
        ? `${filePath} does not exist, and no size is given`
        : `the region begins at byte ${byteOffset}, but ${filePath} has ${existing} bytes`;
    report(
      section,
      context,
      facts === undefined ? 'size' : 'offset',
      message,
      'give a size such as size=1g',
    );
    return undefined;
  }
  const byteCount = sharedRegion(values.size, whole, byteOffset, minBytes);
  if (byteCount < minBytes) {
    const message = `the region of ${byteCount} bytes in ${filePath} has no room for a block of ${minBytes}`;
    report(section, context, 'size', message, 'make size larger or bs smaller');
    return undefined;
  }
  const end = byteOffset + byteCount;
  if (facts?.canGrow === false && end > existing) {
    const message = `the region ends at byte ${end}, but ${filePath} has ${existing} bytes`;
    report(section, context, 'size', message, 'make size or offset smaller');
    return undefined;
  }
  return { path: filePath, byteOffset, byteCount, fileBytes: Math.max(existing, end) };
}

/** Bytes from the offset on that the file has or will have; undefined where there are none. */
function wholeRegion(
  fileSize: number | undefined,
  existing: number,
  byteOffset: number,
  sizeBytes: number | undefined,
): number | undefined {
  if (fileSize !== undefined && fileSize > 0) {
    return existing === fileSize ? existing - byteOffset : fileSize;
  }
  if (sizeBytes !== undefined) return sizeBytes;
  return existing > byteOffset ? existing - byteOffset : undefined;
}

function sharedRegion(
  size: number | Share | undefined,
  whole: number,
  byteOffset: number,
  minBytes: number,
): number {
  if (size === undefined || typeof size === 'number' || size.percent === 100) return whole;
  const share = Math.floor(((whole + byteOffset) * size.percent) / 100);
  const region = Math.min(share, whole);
  return region - (region % minBytes);
}

function offsetOf(
  section: SectionValues,
  context: FileContext,
  existing: number,
  minBytes: number,
): number | undefined {
  const { offset = 0, offset_increment: increment = 0, offset_align: align = 0 } = section.values;
  const needsFile = typeof offset !== 'number' || typeof increment !== 'number';
  if (needsFile && existing === 0) {
    const message = 'a percentage needs a file or device that exists';
    report(
      section,
      context,
      typeof offset === 'number' ? 'offset_increment' : 'offset',
      message,
      'give it in bytes',
    );
    return undefined;
  }
  const begin = bytesOf(offset, existing) + context.clone * bytesOf(increment, existing);
  // A percentage seldom hits a block; fio moves it up to the next one.
  const unit = align > 0 ? align : typeof offset === 'number' ? 1 : minBytes;
  return Math.ceil(begin / unit) * unit;
}

function bytesOf(value: number | Share, existing: number): number {
  return typeof value === 'number' ? value : Math.floor((existing * value.percent) / 100);
}

function ioBytesOf(ioSize: number | Share | undefined, total: number): number | null {
  if (ioSize === undefined || ioSize === 0) return null;
  return typeof ioSize === 'number' ? ioSize : Math.floor((total * ioSize.percent) / 100);
}

function report(
  section: SectionValues,
  { problems }: FileContext,
  option: OptionName,
  message: string,
  fix: string,
): void {
  const place = section.placeOf(option) ?? section.place;
  problems.error(place, message, fix, section.placeOf(option) === undefined ? undefined : option);
}
