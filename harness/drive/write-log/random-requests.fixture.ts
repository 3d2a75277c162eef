import type { DeviceGeometry, EventSeq, Random } from '../../contract/index.ts';
import { History } from '../history.ts';
import { createImage } from '../image.ts';
import { unitsOf } from '../unit.ts';
import { logFlags } from './log-format.ts';
import { draftFlush, draftMark, draftWrite, type EntryDraft } from './log-encoder.fixture.ts';
import { endMark } from './write-log.ts';

export const blockBytes = 512;

export interface RequestOptions {
  readonly steps: number;
  readonly blocks: number;
  /** Most flushes in flight together. */
  readonly flushesMax: number;
  readonly flushesInOrder: boolean;
  /** Which blocks a FUA write may take, and which a plain one: any, or halves of their own. */
  readonly blocksAreShared: boolean;
  readonly hasFua: boolean;
  readonly hasDiscards: boolean;
}

const geometryOf = (capacityBlocks: number): DeviceGeometry => ({
  logicalBlockBytes: blockBytes,
  capacityBlocks,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
});

type Open =
  | {
      readonly kind: 'write';
      readonly seq: EventSeq;
      readonly fua: boolean;
      readonly bytes: number;
    }
  | { readonly kind: 'flush'; readonly seq: EventSeq }
  | { readonly kind: 'discard'; readonly seq: EventSeq };

/**
 * What really happened on a drive: requests that overlap as chance will have it, with their submissions
 * and completions, and a mark for each of some ledger positions.
 */
export function drawRequests(random: Random, options: RequestOptions): History {
  const history = new History({ now: () => 0 });
  const geometry = geometryOf(options.blocks);
  const base = createImage(geometry, 7);
  if (random.chance(1, 2)) base.writeBytes(0, new Uint8Array(blockBytes));
  history.addDevice({ device: 0, name: 'drive', geometry, base });
  const open: Open[] = [];
  let position = 0;
  for (let step = 0; step < options.steps; step++) {
    const kind = random.below(10);
    if (kind < 4) completeOne(history, open, random, options);
    else if (kind < 7) open.push(submitWrite(history, random, options));
    else if (kind < 8) submitFlush(history, open, options);
    else if (kind < 9) history.mark((position += 1 + random.below(2)));
    else if (options.hasDiscards) open.push(submitDiscard(history, random, options));
  }
  if (random.chance(1, 2)) {
    while (open.length > 0) completeOne(history, open, random, options);
  }
  return history;
}

function submitWrite(history: History, random: Random, options: RequestOptions): Open {
  const { blocks, blocksAreShared, hasFua } = options;
  const fua = hasFua && random.chance(1, 3);
  const half = Math.floor(blocks / 2);
  const [from, to] = blocksAreShared ? [0, blocks] : fua ? [0, half] : [half, blocks];
  const lba = from + random.below(to - from);
  const blockCount = 1 + random.below(Math.min(2, to - lba));
  const payload = new Uint8Array(blockCount * blockBytes);
  for (let place = 0; place < blockCount; place++) {
    payload.fill(random.below(5), place * blockBytes, (place + 1) * blockBytes);
  }
  const seq = history.submitWrite({
    device: 0,
    lba,
    blockCount,
    fua,
    payload,
    units: unitsOf(payload, blockBytes),
    landsAtUnit: lba,
    inFlight: 'all',
  });
  return { kind: 'write', seq, fua, bytes: payload.length };
}

function submitFlush(history: History, open: Open[], { flushesMax }: RequestOptions): void {
  const inFlight = open.filter(({ kind }) => kind === 'flush').length;
  if (inFlight < flushesMax) open.push({ kind: 'flush', seq: history.submitFlush(0) });
}

function submitDiscard(history: History, random: Random, { blocks }: RequestOptions): Open {
  const firstUnit = random.below(blocks);
  const unitCount = 1 + random.below(blocks - firstUnit);
  const seq = history.submitDiscard({ device: 0, firstUnit, unitCount }, firstUnit);
  return { kind: 'discard', seq };
}

function completeOne(
  history: History,
  open: Open[],
  random: Random,
  { flushesInOrder }: RequestOptions,
): void {
  if (open.length === 0) return;
  let place = random.below(open.length);
  if (flushesInOrder && open[place]!.kind === 'flush') {
    place = open.findIndex(({ kind }) => kind === 'flush');
  }
  const [request] = open.splice(place, 1);
  if (request === undefined) return;
  if (request.kind === 'flush') history.completeFlush(0, request.seq, 'ok', 'persisted');
  else if (request.kind === 'discard') history.completeDiscard(request.seq);
  else {
    const { seq, bytes, fua } = request;
    const whole = { answer: 'ok', byteCount: bytes, effect: 'whole', landed: 'all' } as const;
    history.completeWrite(seq, { ...whole, durable: fua });
  }
}

/** Most flushes that were in flight together. */
export function flushesInFlight(history: History): number {
  let [inFlight, most] = [0, 0];
  for (const event of history.events) {
    if (!('request' in event) || event.request !== 'flush') continue;
    inFlight += event.kind === 'submit' ? 1 : -1;
    most = Math.max(most, inFlight);
  }
  return most;
}

/**
 * What dm-log-writes would have logged, as its source has it: plain writes and discards wait on a list when
 * they complete; a flush takes that list when it is submitted, and logs it, and then itself, when it completes; a FUA
 * write is logged when it completes, and a mark at once. Removing the target logs what still waits.
 */
export function kernelLogOf(history: History): EntryDraft[] {
  const log: EntryDraft[] = [];
  let waiting: EntryDraft[] = [];
  const taken = new Map<EventSeq, EntryDraft[]>();
  for (const event of history.events) {
    if (event.kind === 'mark') log.push(draftMark(`pos-${event.position}`));
    else if (event.kind === 'submit' && event.request === 'flush') {
      taken.set(event.seq, waiting);
      waiting = [];
    } else if (event.kind === 'complete') {
      const entry = entryOf(history, event.submitted);
      if (event.request === 'flush') log.push(...taken.get(event.submitted)!, entry);
      else if ((entry.flags! & logFlags.fua) !== 0) log.push(entry);
      else waiting.push(entry);
      taken.delete(event.submitted);
    }
  }
  // With a request in flight the target cannot be removed: the machine has stopped instead.
  return isAtRest(history) ? [...log, ...waiting, draftMark(endMark)] : log;
}

/** What blklogwrites would have logged: every request when it completed. */
export function qemuLogOf(history: History): EntryDraft[] {
  return history.events.flatMap((event) =>
    event.kind === 'complete' ? [entryOf(history, event.submitted)] : [],
  );
}

function isAtRest({ events }: History): boolean {
  const submitted = events.filter(({ kind }) => kind === 'submit').length;
  return submitted === events.filter(({ kind }) => kind === 'complete').length;
}

function entryOf(history: History, submitted: EventSeq): EntryDraft {
  const event = history.events[submitted - 1]!;
  if (event.kind !== 'submit') throw new Error('not a submission');
  const { request, lba, blockCount, fua } = event;
  if (request === 'flush') return draftFlush;
  if (request === 'discard') return { lba, blockCount, flags: logFlags.discard };
  return draftWrite(lba, history.payloadOf(submitted), fua ? logFlags.fua : 0);
}
