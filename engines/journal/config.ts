import { z } from 'zod';
import { keySource } from './crypto/key-source.ts';
import { isMapped } from './format/layout.ts';
import { doubleWriteModes, volumeModes, type VolumeModeName } from './format/modes.ts';
import { pageSizes } from './format/page.ts';

/** 4 GiB of block map, for a volume of 1 TiB. */
const mappedBlocksMax = 2 ** 28;
/** Recovery holds the ring in memory. */
const ringBytesMax = 2 ** 30;

/**
 * Options of the journal. `pageBytes`, `ringPages`, `segmentPages`, `mode`, `dataBlocks`,
 * `spareBlocks`, `strict`, `doubleWrite` and `trustAtomicUnit` count when a journal is formatted (the
 * superblock has them afterwards); the others each time it is opened.
 * What is left out follows from the ring's size.
 */
export const journalOptions = z
  .strictObject({
    /** Bytes of a page of the log; 16 KiB pays only where batches are large. */
    pageBytes: z.literal(pageSizes).default(4096),
    /** Pages in the ring, at least 16; recovery holds the ring in memory, so 1 GiB at most. */
    ringPages: z.int().min(16).max(262_144).default(4096),
    /** The ring is at least 4 whole segments. Default: a quarter of the ring. */
    segmentPages: z.int().min(1).optional(),
    /** Blocks of 4 KiB that the volume offers. */
    dataBlocks: z
      .int()
      .min(1)
      .max(2 ** 40)
      .default(4096),
    /** What the volume does with its blocks (README, "Modes"). */
    mode: z.enum(volumeModes).default('journal'),
    /**
     * Blocks of 4 KiB beyond those, for modes that write a new version beside the old one. Default:
     * an eighth of the volume, at least 64, in modes `ordered` and `writeback`; none in the others.
     */
    spareBlocks: z.int().min(0).optional(),
    /** Acknowledge only when a second durable page says that the first is durable. */
    strict: z.boolean().default(false),
    /** Default: `destage` where the mode and the drive's atomic unit need it, else `off`. */
    doubleWrite: z.enum(['auto', ...doubleWriteModes]).default('auto'),
    /** In mode `undo-redo`: a checkpoint also writes blocks of transactions that have not ended. */
    steal: z.boolean().default(true),
    /** Encrypt pages with AES-256-GCM: the place of the key, never the key. */
    encryption: keySource.optional(),
    /**
     * Appended records up to this LSN count as released before the journal is opened: the way out
     * where records that nobody releases leave no room.
     */
    releaseThrough: z.int().min(0).default(0),
    /** Most pages of a batch. Default: a sixteenth of the ring, from 2 to 64. */
    batchPagesMax: z.int().min(2).max(256).optional(),
    /** Batches that are submitted and not yet durable (K). */
    inFlightBatchesMax: z.int().min(1).max(64).default(3),
    /**
     * Most pages from the oldest that is not durable to the newest submitted (W), at most a quarter
     * of the ring. Default: K full batches, as far as that allows.
     */
    windowPages: z.int().min(2).optional(),
    /**
     * How a write is made durable. `auto`: nothing where the drive has no volatile cache; else FUA or
     * a flush after the write, whichever was quicker when the journal was made. `none` on a drive with a volatile cache gives
     * durability up, to show what it costs.
     */
    durability: z.enum(['auto', 'none', 'fua', 'flush']).default('auto'),
    /** Write one page that says how far the log is durable once it has been idle for 1 ms. */
    idleWatermark: z.boolean().default(true),
    /** Most bytes of block data in a transaction, at most a quarter of the ring. */
    transactionBytesMax: z.int().min(4096).optional(),
    /** Most bytes of records that wait for a place in a batch; more is rejected. */
    queueBytesMax: z.int().min(4096).optional(),
    /** Destage begins when this part of the ring is in use, and goes on down to the other. */
    destageStart: z.number().min(0.1).max(0.9).default(0.7),
    destageStop: z.number().min(0).max(0.9).default(0.45),
    /** Believe the drive's atomic write unit where it is larger than its logical block. */
    trustAtomicUnit: z.boolean().default(false),
    /** Not in this version: a discarded block has no defined contents. */
    discard: z.literal(false).default(false),
  })
  .superRefine((given, context) => {
    for (const { field, message } of conflictsIn(completed(given))) {
      context.addIssue({ code: 'custom', path: [field], message });
    }
  })
  .transform((given) => completed(given));

export type JournalOptions = z.input<typeof journalOptions>;
export type JournalConfig = z.output<typeof journalOptions>;

interface GivenOptions {
  readonly pageBytes: number;
  readonly ringPages: number;
  readonly inFlightBatchesMax: number;
  readonly mode: VolumeModeName;
  readonly dataBlocks: number;
  readonly spareBlocks?: number | undefined;
  readonly segmentPages?: number | undefined;
  readonly batchPagesMax?: number | undefined;
  readonly windowPages?: number | undefined;
  readonly transactionBytesMax?: number | undefined;
  readonly queueBytesMax?: number | undefined;
}

type DerivedOption = Exclude<keyof GivenOptions, 'mode'>;

function completed<Given extends GivenOptions>(
  given: Given,
): Given & Required<Record<DerivedOption, number>> {
  const { pageBytes, ringPages, inFlightBatchesMax } = given;
  const quarterPages = Math.floor(ringPages / 4);
  const batchPagesMax =
    given.batchPagesMax ?? Math.min(64, Math.max(2, Math.floor(ringPages / 16)));
  const transactionBytesMax = given.transactionBytesMax ?? quarterPages * pageBytes;
  return {
    ...given,
    spareBlocks: given.spareBlocks ?? spareBlocksOf(given),
    segmentPages: given.segmentPages ?? quarterPages,
    batchPagesMax,
    windowPages: given.windowPages ?? Math.min(inFlightBatchesMax * batchPagesMax, quarterPages),
    transactionBytesMax,
    queueBytesMax: given.queueBytesMax ?? Math.max(8 * 2 ** 20, 4 * transactionBytesMax),
  };
}

function spareBlocksOf({ mode, dataBlocks }: GivenOptions): number {
  return isMapped(mode) ? Math.max(64, Math.ceil(dataBlocks / 8)) : 0;
}

interface Conflict {
  readonly field: keyof JournalOptions;
  readonly message: string;
}

function conflictsIn(
  config: ReturnType<typeof completed> & { destageStart: number; destageStop: number },
): readonly Conflict[] {
  const { pageBytes, ringPages, segmentPages, windowPages, batchPagesMax } = config;
  const quarterPages = Math.floor(ringPages / 4);
  const conflicts: (Conflict | undefined)[] = [
    conflictIf(
      isMapped(config.mode) && config.spareBlocks < 1,
      'spareBlocks',
      `expected at least 1: mode "${config.mode}" writes a new version beside the old one`,
    ),
    conflictIf(
      isMapped(config.mode) && config.dataBlocks > mappedBlocksMax,
      'dataBlocks',
      `expected at most ${mappedBlocksMax}: mode "${config.mode}" holds in memory what it has used of the block map`,
    ),
    conflictIf(
      ringPages * pageBytes > ringBytesMax,
      'ringPages',
      `expected at most ${ringBytesMax / pageBytes} pages of ${pageBytes} bytes, 1 GiB`,
    ),
    conflictIf(
      ringPages % segmentPages !== 0 || ringPages / segmentPages < 4,
      'segmentPages',
      `expected at least 4 whole segments in the ring of ${ringPages} pages`,
    ),
    conflictIf(
      windowPages > quarterPages,
      'windowPages',
      `expected at most ${quarterPages}, a quarter of the ring`,
    ),
    conflictIf(
      batchPagesMax > windowPages,
      'batchPagesMax',
      `expected at most windowPages, which is ${windowPages}`,
    ),
    conflictIf(
      batchPagesMax > segmentPages,
      'batchPagesMax',
      `expected at most segmentPages, which is ${segmentPages}`,
    ),
    conflictIf(
      config.transactionBytesMax > quarterPages * pageBytes,
      'transactionBytesMax',
      `expected at most ${quarterPages * pageBytes}, a quarter of the ring`,
    ),
    conflictIf(
      config.queueBytesMax < 2 * config.transactionBytesMax,
      'queueBytesMax',
      `expected at least ${2 * config.transactionBytesMax}, twice transactionBytesMax`,
    ),
    conflictIf(
      config.destageStop > config.destageStart,
      'destageStop',
      `expected at most destageStart, which is ${config.destageStart}`,
    ),
  ];
  return conflicts.filter((conflict) => conflict !== undefined);
}

function conflictIf(
  isWrong: boolean,
  field: Conflict['field'],
  message: string,
): Conflict | undefined {
  return isWrong ? { field, message } : undefined;
}
