import type { HistoryEvent } from '../../contract/index.ts';
import { History } from '../../drive/history.ts';

/** What a twin could get wrong about a stream of requests. */
export interface Breakage {
  /** Flushes are answered, and make nothing durable. */
  readonly ignoresFlushes?: boolean;
  /** A write is durable once it is answered, flushed or not. */
  readonly keepsEverything?: boolean;
}

/** The same requests in the same order, as a twin with that mistake would have recorded them. */
export function recordedBy(broken: Breakage, original: History): History {
  const history = new History({ now: () => 0 });
  for (const device of original.devices) history.addDevice(device);
  for (const event of original.events) repeat(event, { broken, original, history });
  return history;
}

interface Repetition {
  readonly broken: Breakage;
  readonly original: History;
  readonly history: History;
}

/** Every event of a history gives one of the other: sequence numbers are the same. */
function repeat(event: HistoryEvent, { broken, original, history }: Repetition): void {
  if (event.kind === 'mark') {
    history.mark(event.position);
    return;
  }
  if (event.kind === 'fault') throw new TypeError('the original met no fault');
  const { kind, request } = event;
  if (kind === 'submit') {
    if (request === 'flush') history.submitFlush(0);
    else if (request === 'write') {
      history.submitWrite({ ...event, ...original.writeOf(event.seq) });
    } else throw new TypeError(`the original has no ${request}`);
    return;
  }
  if (request === 'flush') {
    const effect = broken.ignoresFlushes === true ? 'ignored' : 'persisted';
    history.completeFlush(0, event.submitted, event.answer, effect);
    return;
  }
  const { landed, durable } = original.writeOf(event.submitted);
  const isKept = broken.keepsEverything === true || durable;
  history.completeWrite(event.submitted, { ...event, landed, durable: isKept });
}
