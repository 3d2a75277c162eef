import { z } from 'zod';
import {
  EngineRefusal,
  type DeviceGeometry,
  type EngineDevices,
} from '../../../harness/contract/index.ts';
import { journalOptions, type JournalConfig, type JournalOptions } from '../config.ts';
import { blockBytes, planLayout, usableBytes } from '../format/layout.ts';
import { doubleWriteModes, durabilityPaths, volumeModes } from '../format/modes.ts';
import { pageSizes } from '../format/page.ts';
import { formatBytes } from './quantities.ts';
import { encryptionOption } from './tool-keys.ts';

/** What a person says of a new journal: sizes in bytes, the rest as it follows. */
export const formatWish = z.strictObject({
  pageBytes: z.literal(pageSizes).default(4096),
  /** Default: a quarter of the device, at most 256 MiB. */
  ringBytes: z.int().min(1).optional(),
  /** Of the volume. Default: all that is left. */
  dataBytes: z.int().min(blockBytes).optional(),
  mode: z.enum(volumeModes).optional(),
  doubleWrite: z.enum(['auto', ...doubleWriteModes]).optional(),
  durability: z.enum(['auto', ...durabilityPaths]).optional(),
  strict: z.boolean().optional(),
  trustAtomicUnit: z.boolean().optional(),
  ...encryptionOption,
});

export type FormatWish = z.output<typeof formatWish>;

/** Recovery holds the ring in memory, so a larger one must be asked for. */
const ringBytesDefault = 256 * 2 ** 20;
const segmentsMin = 4;

/** The engine's options for it on these devices. Throws EngineRefusal `too-large` where it does not fit. */
export function optionsFor(wish: FormatWish, devices: EngineDevices): JournalOptions {
  const { ringBytes, dataBytes, pageBytes, ...manner } = wish;
  const given = Object.fromEntries(
    Object.entries(manner).filter(([, value]) => value !== undefined),
  );
  const ringPages = ringPagesFor(ringBytes, pageBytes, devices.main.geometry);
  const options: JournalOptions = { ...given, pageBytes, ringPages };
  const dataBlocks =
    dataBytes === undefined ? largestVolume(options, devices) : wholeBlocks(dataBytes);
  return { ...options, dataBlocks };
}

function ringPagesFor(
  ringBytes: number | undefined,
  pageBytes: number,
  geometry: DeviceGeometry,
): number {
  const wanted = ringBytes ?? Math.min(ringBytesDefault, usableBytes(geometry) / 4);
  const pages = Math.floor(wanted / pageBytes);
  if (ringBytes === undefined) return pages - (pages % segmentsMin);
  if (ringBytes % (segmentsMin * pageBytes) === 0) return pages;
  throw new RangeError(
    `a ring of ${ringBytes} bytes, expected a multiple of ${segmentsMin} pages of ${pageBytes} bytes`,
  );
}

function wholeBlocks(dataBytes: number): number {
  if (dataBytes % blockBytes === 0) return dataBytes / blockBytes;
  throw new RangeError(`a volume of ${dataBytes} bytes, expected whole blocks of ${blockBytes}`);
}

/** The layout grows with the volume (spare blocks, a map), so it is searched for, not computed. */
function largestVolume(options: JournalOptions, devices: EngineDevices): number {
  const { main, data } = devices;
  const deviceBytes = usableBytes((data ?? main).geometry);
  let [fits, tooMany] = [0, Math.ceil(deviceBytes / blockBytes)];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (doesFit({ ...options, dataBlocks: middle }, devices)) fits = middle;
    else tooMany = middle;
  }
  if (fits > 0) return fits;
  throw new EngineRefusal(
    'too-large',
    `${main.name} has ${formatBytes(usableBytes(main.geometry))}: too small for a ring of ${options.ringPages!} pages of ${options.pageBytes!} bytes and a volume`,
  );
}

function doesFit(options: JournalOptions, { main, data }: EngineDevices): boolean {
  const config: JournalConfig = journalOptions.parse(options);
  try {
    planLayout(config, main.geometry, data?.geometry);
    return true;
  } catch (error) {
    if (error instanceof EngineRefusal && error.reason === 'too-large') return false;
    throw error;
  }
}
