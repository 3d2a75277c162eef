/**
 * fio's logs (fio 3.33, HOWTO "Log File Formats"): lines of `time, value, direction, block size,
 * priority`, a file for each job and kind, `NAME_lat.1.log`. Times are milliseconds from where measuring
 * began. Latencies are nanoseconds; of single operations, a rate is the operation's own: bytes over its
 * completion time in kB/s (1000), and 1; over a window, KiB/s (1024) and operations a second.
 */
import * as fs from 'node:fs';
import type { JobResult } from '../data-plane/job-result.ts';
import type { OpLogRecord } from '../data-plane/op-log.ts';

export interface LogFile {
  readonly path: string;
  readonly record: OpLogRecord;
  readonly kind: LogKind;
}

export type LogKind = 'slat' | 'clat' | 'lat' | 'bw' | 'iops';

/**
 * The logs that the jobs of a run asked for. With `suffix`, it goes behind the names: of several runs,
 * each has logs of its own. Two jobs that name one file (`per_job_logs=0`) share it.
 */
export function logFilesOf(results: readonly JobResult[], suffix = ''): readonly LogFile[] {
  return results.flatMap(({ job, log, mode }) => {
    if (log === undefined) return [];
    const { bandwidth, iops, latency, isPerJob } = job.report.logs;
    const files = (name: string | null, kinds: readonly LogKind[]): readonly LogFile[] =>
      name === null
        ? []
        : kinds.map((kind) => ({
            path: `${name}${suffix}_${kind}${isPerJob ? `.${job.threadNumber}` : ''}.log`,
            record: log,
            kind,
          }));
    const latencies: readonly LogKind[] =
      mode.calls === 'split' ? ['slat', 'clat', 'lat'] : ['clat', 'lat'];
    return [...files(latency, latencies), ...files(bandwidth, ['bw']), ...files(iops, ['iops'])];
  });
}

/** Writes them, over what is there; `resolve` makes a path of a name. Answers the paths. */
export function writeLogFiles(
  files: readonly LogFile[],
  resolve: (name: string) => string,
): readonly string[] {
  const paths = [...new Set(files.map(({ path }) => path))];
  for (const path of paths) {
    const fd = fs.openSync(resolve(path), 'w');
    try {
      for (const { record, kind } of files.filter((file) => file.path === path)) {
        for (const piece of logText(record, kind)) fs.writeSync(fd, piece);
      }
    } finally {
      fs.closeSync(fd);
    }
  }
  return paths;
}

const linesPerPiece = 4096;

/** In pieces: a log may have millions of lines. */
export function* logText(record: OpLogRecord, kind: LogKind): Generator<string> {
  for (let from = 0; from < record.count; from += linesPerPiece) {
    const end = Math.min(from + linesPerPiece, record.count);
    let piece = '';
    for (let at = from; at < end; at++) piece += lineOf(record, kind, at);
    yield piece;
  }
}

function lineOf(record: OpLogRecord, kind: LogKind, at: number): string {
  const isMean = record.averageMs > 0;
  const blockBytes = isMean ? 0 : record.bytes[at]!;
  const time = Math.floor(record.timesMs[at]!);
  const value = Math.floor(isMean ? meanOf(record, kind, at) : valueOf(record, kind, at));
  return `${time}, ${value}, ${record.directions[at]!}, ${blockBytes}, 0\n`;
}

function valueOf(record: OpLogRecord, kind: LogKind, at: number): number {
  switch (kind) {
    case 'slat':
      return record.submissionNs[at]!;
    case 'clat':
      return record.completionNs[at]!;
    case 'lat':
      return record.totalNs[at]!;
    case 'bw':
      // Nothing takes no time; fio leaves a line without a time out, which would lose operations.
      return (record.bytes[at]! * 1e6) / Math.max(record.completionNs[at]!, 1);
    case 'iops':
      return 1;
  }
}

function meanOf(record: OpLogRecord, kind: LogKind, at: number): number {
  const seconds = record.spansMs[at]! / 1000;
  switch (kind) {
    case 'bw':
      return seconds === 0 ? 0 : record.bytes[at]! / 1024 / seconds;
    case 'iops':
      return seconds === 0 ? 0 : record.ops[at]! / seconds;
    case 'slat':
    case 'clat':
    case 'lat':
      return valueOf(record, kind, at) / record.ops[at]!;
  }
}
