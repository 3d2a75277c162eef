import type {
  DeviceGeometries,
  DeviceGeometry,
  FlashModel,
  HistoryEvent,
  Random,
  SimulatedFlashWrites,
  SubmitEvent,
} from '../../contract/index.ts';
import { FlashTranslation, type FlashShape } from './flash-translation.ts';

type FlashPreconditioning = FlashModel['preconditioning'];

/** A common drive: 7 % of spare space, as between 10^9 and 2^30 bytes, and pages of 4 KiB. */
export const usualFlash: FlashModel = {
  pageBytes: 4096,
  pagesPerEraseBlock: 256,
  overProvisioning: 0.07,
  preconditioning: 'random',
};

/** What a drive of flash would have written. Nothing here was measured. */
export interface SimulatedFlash {
  readonly isSimulated: true;
  readonly hostBytes: number;
  readonly programmedBytes: number;
  readonly erases: number;
  /** Programmed bytes over the bytes that the host wrote; undefined where it wrote none. */
  readonly amplification: number | undefined;
  readonly shape: FlashShape;
  readonly preconditioning: FlashPreconditioning;
}

/**
 * Puts the writes and discards of a history through a flash translation layer, as they completed. A
 * write of a part of a page programs the page, unless it goes on in the page that was written last and
 * no flush came between: the drive's buffer still has that one. Random preconditioning draws from
 * `random`.
 */
export function simulateFlash(
  events: readonly HistoryEvent[],
  { device = 0, geometry }: { readonly device?: number; readonly geometry: DeviceGeometry },
  options: FlashModel,
  random: Random,
): SimulatedFlash {
  const drive = new SimulatedDrive(geometry, options);
  drive.precondition(options.preconditioning, random.fork('flash'));
  for (const request of requestsThatTookEffect(events, device)) drive.perform(request);
  return drive.result(options.preconditioning);
}

/** What both drives of a history would have programmed, each a drive of flash of its own. */
export function simulateFlashOf(
  events: readonly HistoryEvent[],
  { main, data }: DeviceGeometries,
  model: FlashModel,
  random: Random,
): SimulatedFlashWrites {
  return [main, data]
    .flatMap((geometry, device) => (geometry === undefined ? [] : [{ geometry, device }]))
    .map((drive) => simulateFlash(events, drive, model, random.fork(`drive ${drive.device}`)))
    .reduce(
      (sum, { hostBytes, programmedBytes, erases }) => ({
        hostBytes: sum.hostBytes + hostBytes,
        programmedBytes: sum.programmedBytes + programmedBytes,
        erases: sum.erases + erases,
      }),
      { hostBytes: 0, programmedBytes: 0, erases: 0 },
    );
}

/** Whether a drive of this size has enough spare pages for the model to collect garbage at all. */
export function isFlashPossible(
  { capacityBlocks, logicalBlockBytes }: DeviceGeometry,
  model: FlashModel,
): boolean {
  const userPages = Math.ceil((capacityBlocks * logicalBlockBytes) / model.pageBytes);
  return Math.floor(userPages * model.overProvisioning) >= spareBlocksMin;
}

/** Requests that changed the medium, and flushes, in the order of their completions. */
function* requestsThatTookEffect(
  events: readonly HistoryEvent[],
  device: number,
): Generator<SubmitEvent> {
  const submitted = new Map<number, SubmitEvent>();
  for (const event of events) {
    if (event.device !== device) continue;
    if (event.kind === 'submit') submitted.set(event.seq, event);
    if (event.kind !== 'complete' || event.effect === 'none') continue;
    const request = submitted.get(event.submitted);
    submitted.delete(event.submitted);
    if (request !== undefined) yield request;
  }
}

class SimulatedDrive {
  readonly #flash: FlashTranslation;
  readonly #blockBytes: number;
  #hostBytes = 0;
  #countedFrom = { programmedPages: 0, erases: 0 };
  /** Page that a write ended in the middle of, and where. */
  #openPage = -1;
  #openEnd = 0;

  constructor(geometry: DeviceGeometry, options: FlashModel) {
    const capacityBytes = geometry.capacityBlocks * geometry.logicalBlockBytes;
    const userPages = Math.ceil(capacityBytes / options.pageBytes);
    this.#blockBytes = geometry.logicalBlockBytes;
    this.#flash = new FlashTranslation({
      pageBytes: options.pageBytes,
      pagesPerEraseBlock: fittingEraseBlock(options, userPages),
      userPages,
      overProvisioning: options.overProvisioning,
    });
  }

  precondition(how: FlashPreconditioning, random: Random): void {
    const { userPages } = this.#flash.shape;
    if (how !== 'empty') {
      for (let page = 0; page < userPages; page++) this.#flash.write(page);
    }
    if (how === 'random') {
      for (let write = 0; write < 2 * userPages; write++)
        this.#flash.write(random.below(userPages));
    }
    this.#countedFrom = this.#done();
  }

  perform(request: SubmitEvent): void {
    const begin = request.lba * this.#blockBytes;
    const byteCount = request.blockCount * this.#blockBytes;
    if (request.request === 'flush') this.#openPage = -1;
    if (request.request === 'write') this.#write(begin, byteCount);
    if (request.request === 'discard') this.#discard(begin, byteCount);
    if (request.fua) this.#openPage = -1;
  }

  result(preconditioning: FlashPreconditioning): SimulatedFlash {
    const done = this.#done();
    const { shape } = this.#flash;
    const pages = done.programmedPages - this.#countedFrom.programmedPages;
    const programmedBytes = pages * shape.pageBytes;
    return {
      isSimulated: true,
      hostBytes: this.#hostBytes,
      programmedBytes,
      erases: done.erases - this.#countedFrom.erases,
      amplification: this.#hostBytes === 0 ? undefined : programmedBytes / this.#hostBytes,
      shape,
      preconditioning,
    };
  }

  #write(begin: number, byteCount: number): void {
    const { pageBytes } = this.#flash.shape;
    const end = begin + byteCount;
    this.#hostBytes += byteCount;
    const first = Math.floor(begin / pageBytes);
    const goesOn = first === this.#openPage && begin === this.#openEnd;
    for (let page = goesOn ? first + 1 : first; page * pageBytes < end; page++) {
      this.#flash.write(page);
    }
    this.#openPage = end % pageBytes === 0 ? -1 : Math.floor(end / pageBytes);
    this.#openEnd = end;
  }

  /** Pages that are discarded in part keep their contents. */
  #discard(begin: number, byteCount: number): void {
    const { pageBytes } = this.#flash.shape;
    const last = Math.floor((begin + byteCount) / pageBytes);
    for (let page = Math.ceil(begin / pageBytes); page < last; page++) this.#flash.discard(page);
  }

  #done(): { readonly programmedPages: number; readonly erases: number } {
    const { hostPages, copiedPages, erases } = this.#flash.counts;
    return { programmedPages: hostPages + copiedPages, erases };
  }
}

/** Spare erase blocks without which the model is that of its reserve, and not of its size. */
const spareBlocksMin = 16;

/** A small twin gets smaller erase blocks, so that it has enough of them to choose from. */
function fittingEraseBlock(
  { pagesPerEraseBlock, overProvisioning }: FlashModel,
  userPages: number,
): number {
  const fitting = Math.floor((userPages * overProvisioning) / spareBlocksMin);
  return Math.max(1, Math.min(pagesPerEraseBlock, fitting));
}
