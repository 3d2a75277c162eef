import type { EventSeq, HistoryView, SubmitEvent } from '../contract/index.ts';

/** Writes that together carry one whole copy of a stamped block. */
export interface StampedCopy {
  readonly writes: readonly SubmitEvent[];
}

/**
 * Finds the copies of a stamped block among the writes submitted after `after` and before `before`,
 * by the tags of its sectors, at any alignment: engines wrap blocks in records of their own. A record
 * may straddle two pages or two writes, and a page boundary may fall within a tag; so a copy is whole
 * once it has every tag that any write carries.
 */
export function findCopies(
  history: HistoryView,
  tags: readonly Buffer[],
  span: { readonly after: EventSeq; readonly before: EventSeq },
): readonly StampedCopy[] {
  const carriers = writesWithin(history, span)
    .map((write) => ({ write, carried: tagsCarried(history.payloadOf(write.seq), tags) }))
    .filter(({ carried }) => carried.length > 0);
  const wanted = new Set(carriers.flatMap(({ carried }) => carried));
  const copies: StampedCopy[] = [];
  let writes: SubmitEvent[] = [];
  let missing = new Set(wanted);
  for (const { write, carried } of carriers) {
    writes.push(write);
    for (const tag of carried) missing.delete(tag);
    if (missing.size > 0) continue;
    copies.push({ writes });
    writes = [];
    missing = new Set(wanted);
  }
  return copies;
}

export function writesWithin(
  history: HistoryView,
  span: { readonly after: EventSeq; readonly before: EventSeq },
): SubmitEvent[] {
  return history.events.filter(
    (event): event is SubmitEvent =>
      event.kind === 'submit' &&
      event.request === 'write' &&
      event.seq > span.after &&
      event.seq < span.before,
  );
}

function tagsCarried(payload: Uint8Array, tags: readonly Buffer[]): number[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return [...tags.keys()].filter((sector) => bytes.includes(tags[sector]!));
}
