import { build } from 'hdr-histogram-js';
import { z } from 'zod';
import {
  EngineRefusal,
  type EngineCounters,
  type ToolAnswer,
  type ToolSite,
} from '../../../harness/contract/index.ts';
import { durabilityPaths } from '../format/modes.ts';
import { openConfigured, type Journal } from '../journal.ts';
import { journalDevices } from './journal-devices.ts';
import { readMedium, superblockOf } from './medium.ts';
import { openOptionsFor } from './open-options.ts';
import { formatMicroseconds } from './quantities.ts';
import { encryptionOption } from './tool-keys.ts';

const benchOptions = z.strictObject({
  ...encryptionOption,
  /** For each number of writers. */
  seconds: z.number().min(0.01).max(600).default(3),
  writers: z.array(z.int().min(1).max(4096)).min(1).default([1, 64]),
  payloadBytes: z.int().min(1).default(4096),
  durability: z.enum(['auto', ...durabilityPaths]).default('auto'),
});

interface BenchRow {
  readonly writers: number;
  readonly appends: number;
  readonly seconds: number;
  readonly appendsPerSecond: number;
  readonly latencyNs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly payloadBytes: number;
  /** Everything that the journal wrote meanwhile. */
  readonly writtenBytes: number;
  /** Bytes written for each byte of payload. */
  readonly writeAmplification: number;
  readonly flushes: number;
  readonly fuaWrites: number;
}

const nsPerSecond = 1e9;
/** A type that a reader must know; released at once, so that no reader ever meets it. */
const recordType = 0x8001;
const releaseEveryMax = 64;
const latencyNsMax = 2 ** 40;

/**
 * Durable appends, closed loop: each writer waits for its acknowledgement before the next. Records are
 * released as they are acknowledged, so that the ring goes round. Throws EngineRefusal where the
 * journal holds records of somebody else, which a release would give up.
 */
export async function bench(site: ToolSite): Promise<ToolAnswer> {
  const options = benchOptions.parse(site.options);
  const superblock = superblockOf(await readMedium(site));
  const { durability, encryption } = options;
  const config = openOptionsFor(superblock, { durability, ...(encryption && { encryption }) });
  await using journal = await openConfigured(journalDevices(site.devices), config, site.platform);
  await refuseForeignRecords(journal);
  const rows: BenchRow[] = [];
  for (const writers of options.writers) {
    if (site.interrupted?.aborted === true) break;
    rows.push(await measure(journal, site, writers, options));
  }
  await journal.close();
  return { data: { rows }, text: [tableOf(rows)], outcome: 'ok' };
}

async function refuseForeignRecords(journal: Journal): Promise<void> {
  for await (const { lsn } of journal.replay()) {
    throw new EngineRefusal(
      'incompatible',
      `the journal holds appended records that nobody has released, from LSN ${lsn} on: measuring would give them up; use another journal`,
    );
  }
}

async function measure(
  journal: Journal,
  { platform: { clock }, interrupted }: ToolSite,
  writers: number,
  { seconds, payloadBytes }: z.output<typeof benchOptions>,
): Promise<BenchRow> {
  const histogram = build({
    highestTrackableValue: latencyNsMax,
    numberOfSignificantValueDigits: 3,
  });
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  const releaseEvery = releaseEveryFor(journal, payloadBytes);
  const before = journal.counters();
  const startedNs = clock.now();
  const endNs = startedNs + seconds * nsPerSecond;
  let appends = 0;
  let lastLsn = 0;
  const writer = async (): Promise<void> => {
    for (let now = clock.now(); now < endNs && interrupted?.aborted !== true;) {
      const lsn = await journal.append(recordType, 0, 0, payload);
      const done = clock.now();
      histogram.recordValue(Math.min(latencyNsMax, Math.max(1, done - now)));
      now = done;
      appends++;
      lastLsn = lsn;
      if (appends % releaseEvery === 0) journal.release(lsn);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const tookNs = clock.now() - startedNs;
  journal.release(lastLsn);
  return rowOf({ writers, appends, tookNs, payloadBytes, histogram }, before, journal.counters());
}

/** Often enough that what waits to be released is no more than a sixteenth of the ring. */
function releaseEveryFor(
  { layout: { ringPages, pageBytes } }: Journal,
  payloadBytes: number,
): number {
  const recordsPerRing = (ringPages * pageBytes) / (payloadBytes + pageBytes);
  return Math.max(1, Math.min(releaseEveryMax, Math.floor(recordsPerRing / 16)));
}

interface Measured {
  readonly writers: number;
  readonly appends: number;
  readonly tookNs: number;
  readonly payloadBytes: number;
  readonly histogram: ReturnType<typeof build>;
}

function rowOf(
  { writers, appends, tookNs, payloadBytes, histogram }: Measured,
  before: EngineCounters,
  after: EngineCounters,
): BenchRow {
  const writtenBytes = totalOf(after) - totalOf(before);
  const userBytes = appends * payloadBytes;
  const percentile = (percent: number): number =>
    Math.min(histogram.getValueAtPercentile(percent), histogram.maxValue);
  return {
    writers,
    appends,
    seconds: tookNs / nsPerSecond,
    appendsPerSecond: (appends * nsPerSecond) / tookNs,
    latencyNs: {
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      p999: percentile(99.9),
      max: histogram.maxValue,
    },
    payloadBytes: userBytes,
    writtenBytes,
    writeAmplification: writtenBytes / userBytes,
    flushes: after.flushes - before.flushes,
    fuaWrites: after.fuaWrites - before.fuaWrites,
  };
}

function totalOf({ writtenBytes }: EngineCounters): number {
  return Object.values(writtenBytes).reduce((sum, bytes) => sum + bytes, 0);
}

function tableOf(rows: readonly BenchRow[]): string[][] {
  const heading = ['writers', 'appends/s', 'p50', 'p90', 'p99', 'p99.9', 'max', 'written', 'WA'];
  return [
    heading,
    ...rows.map((row) => [
      `${row.writers}`,
      row.appendsPerSecond.toFixed(0),
      ...Object.values(row.latencyNs).map(formatMicroseconds),
      `${(row.writtenBytes / 2 ** 20).toFixed(1)} MiB`,
      row.writeAmplification.toFixed(2),
    ]),
  ];
}
