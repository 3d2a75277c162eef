import { crc32c } from '@node-rs/crc32';
import {
  createRandom,
  type DeviceGeometry,
  type Platform,
  type Random,
} from '../../harness/contract/index.ts';
import type { History } from '../../harness/drive/history.ts';
import { createImage, type SparseImage } from '../../harness/drive/image.ts';
import { SimDrive } from '../../harness/drive/sim-drive.ts';
import { Timeline } from '../../harness/drive/timeline.ts';
import type { JournalOptions } from './config.ts';
import { formatJournal } from './format-journal.ts';
import { openJournal, type Journal } from './journal.ts';

/** A simulated drive, with virtual time and seeded entropy, for the tests of this engine. */
export interface Twin {
  readonly drive: SimDrive;
  readonly timeline: Timeline;
  readonly platform: Platform;
}

const mebibyte = 2 ** 20;

export function driveGeometry(change: Partial<DeviceGeometry> = {}): DeviceGeometry {
  const logicalBlockBytes = change.logicalBlockBytes ?? 4096;
  return {
    logicalBlockBytes,
    capacityBlocks: (8 * mebibyte) / logicalBlockBytes,
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: true,
    ...change,
  };
}

/** The smallest ring that the bars name: laps are short, so errors at the wrap show at once. */
export const smallOptions = {
  ringPages: 64,
  segmentPages: 16,
  dataBlocks: 64,
  batchPagesMax: 4,
  windowPages: 16,
  destageStart: 0.5,
} satisfies JournalOptions;

export function twinOn(
  image: SparseImage,
  geometry: DeviceGeometry,
  random: Random,
  history?: (timeline: Timeline) => History,
): Twin {
  const timeline = new Timeline();
  const recorded = history === undefined ? {} : { history: history(timeline) };
  const drive = new SimDrive({
    name: 'twin',
    device: 0,
    timeline,
    geometry,
    image,
    random: random.fork('drive'),
    ...recorded,
  });
  return { drive, timeline, platform: platformOn(timeline, random) };
}

export function platformOn(timeline: Timeline, random: Random): Platform {
  const entropy = random.fork('entropy');
  return {
    clock: timeline,
    entropy: (target) => {
      entropy.fill(target);
    },
    crc32c: (bytes, previous) => crc32c(bytes, previous),
  };
}

/** A drive that carries a new journal. */
export async function formattedTwin(
  geometry: DeviceGeometry = driveGeometry(),
  options: JournalOptions = smallOptions,
  seed = 1,
): Promise<Twin> {
  const random = createRandom(seed);
  const twin = twinOn(createImage(geometry, seed), geometry, random);
  await formatJournal({ journal: twin.drive }, options, twin.platform);
  return twin;
}

export function open(twin: Twin, options: JournalOptions = smallOptions): Promise<Journal> {
  return openJournal({ journal: twin.drive }, options, twin.platform);
}

/** The same drive after its process was killed: what was in flight is gone, the rest is there. */
export function afterKill({ drive }: Twin, seed = 2): Twin {
  drive.cutPower();
  return twinOn(drive.image.fork(), drive.geometry, createRandom(seed));
}

/** A block whose every word says which version of which block it is. */
export function blockOf(block: number, version: number): Uint8Array {
  const words = new Uint32Array(1024).fill(version);
  words[0] = block;
  return new Uint8Array(words.buffer);
}

export async function readBlock(journal: Journal, block: number): Promise<Uint8Array> {
  const target = new Uint8Array(4096);
  await journal.read(block, target);
  return target;
}

/** The version of a block that the journal serves; fails where the block is not whole. */
export async function versionOf(journal: Journal, block: number): Promise<number> {
  const words = new Uint32Array((await readBlock(journal, block)).buffer);
  const version = words[1]!;
  if (words[0] !== block || words.some((word, index) => index > 0 && word !== version)) {
    throw new Error(`block ${block} is not whole`);
  }
  return version;
}

/** Changes bytes on the medium behind the drive's back. */
export function overwrite({ drive }: Twin, byteOffset: number, bytes: Uint8Array): void {
  drive.image.writeBytes(byteOffset, bytes);
}
