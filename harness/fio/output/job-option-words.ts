import type { BlockSizes, FioJob } from '../job.ts';

/**
 * The options of a job as fio's JSON has them, in strings. What tools look for (rw, bs, iodepth, numjobs)
 * always stands there, whether or not the job file said it.
 */
export function jobOptionWords(job: FioJob): Readonly<Record<string, string>> {
  const { extent, queue, durability, engine } = job;
  return {
    rw: accessWord(job),
    bs: blockSizeWords(job),
    ioengine: engine.name,
    iodepth: String(queue.depth),
    numjobs: String(job.cloneCount),
    direct: engine.isDirect ? '1' : '0',
    size: String(extent.sizeBytes),
    filename: extent.files.map(({ path }) => path).join(':'),
    ...(job.pattern.access === 'rw' ? { rwmixread: String(job.pattern.readPercent) } : {}),
    ...(durability.fsyncEvery > 0 ? { fsync: String(durability.fsyncEvery) } : {}),
    ...(durability.fdatasyncEvery > 0 ? { fdatasync: String(durability.fdatasyncEvery) } : {}),
    ...(durability.openSync === 'none' ? {} : { sync: durability.openSync }),
    ...(extent.isTimeBased ? { time_based: '1' } : {}),
    ...(extent.runtimeNs === null ? {} : { runtime: `${extent.runtimeNs / 1e9}` }),
    ...(extent.rampNs === 0 ? {} : { ramp_time: `${extent.rampNs / 1e9}` }),
    ...(job.verify.kind === 'none' ? {} : { verify: job.verify.kind }),
    ...steadyWords(job),
  };
}

/** `randwrite`, as `rw=` takes it. */
export function accessWord({ pattern: { access, isRandom } }: FioJob): string {
  return isRandom ? `rand${access}` : access;
}

/** `4k`, `4k-64k`; three between commas where the directions differ. */
export function blockSizeWords({ pattern: { blocks } }: FioJob): string {
  const words = [blocks.read, blocks.write, blocks.trim].map(rangeWords);
  return new Set(words).size === 1 ? words[0]! : words.join(',');
}

export function steadyWords({ report: { steady } }: FioJob): Readonly<Record<string, string>> {
  if (steady === null) return {};
  return {
    steadystate: `${steady.metric}:${steady.limit}${steady.isPercent ? '%' : ''}`,
    steadystate_duration: String(steady.durationNs / 1e9),
  };
}

function rangeWords({ minBytes, maxBytes }: BlockSizes): string {
  return minBytes === maxBytes ? sizeWord(minBytes) : `${sizeWord(minBytes)}-${sizeWord(maxBytes)}`;
}

function sizeWord(byteCount: number): string {
  if (byteCount % 2 ** 20 === 0) return `${byteCount / 2 ** 20}m`;
  return byteCount % 1024 === 0 ? `${byteCount / 1024}k` : String(byteCount);
}
