/**
 * Histories made by hand, one event per call, with the engine's own bytes around each stamped block.
 */
import { describe, expect, it } from 'vitest';
import type {
  CompleteEvent,
  EventSeq,
  HistoryEvent,
  HistoryView,
  LedgerView,
  Proof,
  Violation,
} from '../contract/index.ts';
import { writeStamp } from '../ledger/block-stamp.ts';
import { buildProof } from './proof.ts';
import { ledgerOf } from './story-fixture.ts';

class HandMade implements HistoryView {
  readonly events: HistoryEvent[] = [];
  readonly #payloads = new Map<EventSeq, Uint8Array>();

  mark(position: number): EventSeq {
    return this.#add({ kind: 'mark', position });
  }

  write(payload: Uint8Array, fua = false): EventSeq {
    const seq = this.#add({ kind: 'submit', request: 'write', lba: 8, blockCount: 1, fua });
    this.#payloads.set(seq, payload);
    return seq;
  }

  flush(): EventSeq {
    return this.#add({ kind: 'submit', request: 'flush', lba: 0, blockCount: 0, fua: false });
  }

  complete(submitted: EventSeq, effect?: CompleteEvent['effect']): EventSeq {
    const submit = this.events[submitted - 1]!;
    const request = submit.kind === 'submit' ? submit.request : 'write';
    const normal = request === 'flush' ? 'persisted' : 'whole';
    const answer = { request, answer: 'ok', byteCount: 0, effect: effect ?? normal } as const;
    return this.#add({ kind: 'complete', submitted, ...answer });
  }

  payloadOf(write: EventSeq): Uint8Array {
    return this.#payloads.get(write)!;
  }

  #add(event: Unplaced<HistoryEvent>): EventSeq {
    const seq = this.events.length + 1;
    this.events.push({ ...event, seq, device: 0, atNs: seq * 100 });
    return seq;
  }
}

type Unplaced<E> = E extends HistoryEvent ? Omit<E, 'seq' | 'device' | 'atNs'> : never;

/** A journal page as an engine may lay it out: the stamped block at an odd place in it. */
function pageWith(op: number, block: number): Buffer {
  const stamped = new Uint8Array(4096);
  writeStamp(stamped, { seed: 1, block, op, writer: 0, epoch: 1, value: 0 });
  return Buffer.concat([Buffer.alloc(94, 0xaa), stamped, Buffer.alloc(500, 0xbb)]);
}

const oneWrite = ledgerOf('w0 +1');

const lost: Violation = {
  kind: 'lost',
  place: { kind: 'block', block: 0 },
  ops: [1],
  expected: '',
  found: '',
  position: 2,
};

function prove(history: HandMade, ledger: LedgerView = oneWrite, violation = lost): Proof {
  return buildProof(violation, ledger, history, history.events.length)!;
}

const chain = ({ steps }: Proof): string[] =>
  steps.map(({ what, seq }) => (seq === undefined ? what : `${what}@${seq}`));

describe('the proof of a lost write @req D2', () => {
  it('shows the whole chain where the drive had made it durable', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.complete(history.flush());
    history.mark(2);
    const proof = prove(history);
    expect(chain(proof)).toEqual([
      'invoked@1',
      'write-submitted@2',
      'write-completed@3',
      'flush-submitted@4',
      'flush-completed@5',
      'acknowledged@6',
      'cut@6',
    ]);
    expect(proof.conclusion).toMatch(/durable at event 5, before .* event 6: the engine lost it/);
  });

  it('takes FUA for durable at its completion', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0), true));
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/durable at event 3, .*the engine lost it/);
  });

  it('says so where no flush followed the write', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.mark(2);
    const proof = prove(history);
    expect(chain(proof)).toContain('missing');
    expect(proof.conclusion).toMatch(
      /acknowledged at event 4, but no flush was submitted after its write completed at event 3: it was acknowledged before it was durable/,
    );
  });

  it('does not count a flush that was submitted before the write completed', () => {
    const history = new HandMade();
    history.mark(1);
    const write = history.write(pageWith(1, 0));
    const flush = history.flush();
    history.complete(write);
    history.complete(flush);
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/no flush was submitted after its write completed/);
  });

  it('says so where the flush completed only after the acknowledgement', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    const flush = history.flush();
    history.mark(2);
    history.complete(flush);
    expect(prove(history).conclusion).toMatch(
      /acknowledged at event 5, but the first flush submitted after its write completed at event 3 completed only at event 6/,
    );
  });

  it('says so where the write had not even completed', () => {
    const history = new HandMade();
    history.mark(1);
    history.write(pageWith(1, 0));
    history.mark(2);
    expect(prove(history).conclusion).toMatch(
      /but the write submitted at event 2 had not completed/,
    );
  });

  it('tells a drive that lied from an engine that did', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.complete(history.flush(), 'ignored');
    history.mark(2);
    expect(prove(history).conclusion).toMatch(
      /the flush completed at event 5 was answered OK though the drive persisted nothing/,
    );
  });

  it('does not count a flush after one that dropped what it covered', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.complete(history.flush(), 'dropped');
    history.complete(history.flush());
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/dropped what it covered/);
  });

  it('needs every write that carries a part of the block', () => {
    const page = pageWith(1, 0);
    const history = new HandMade();
    history.mark(1);
    const front = history.write(page.subarray(0, 1000));
    const back = history.write(page.subarray(1000));
    history.complete(front);
    history.complete(history.flush());
    history.complete(back);
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/no flush .* after its write completed at event 7/);
  });

  it('takes the copy that was durable first', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.complete(history.write(pageWith(1, 0), true));
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/durable at event 5, .*the engine lost it/);
  });

  it('does not take another operation or another block for it', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(2, 0), true));
    history.complete(history.write(pageWith(1, 1), true));
    history.mark(2);
    expect(prove(history).conclusion).toMatch(/none of the 2 writes .* carries its stamp/);
  });

  it('says so where nothing at all was written before the acknowledgement', () => {
    const history = new HandMade();
    history.mark(1);
    history.mark(2);
    history.write(pageWith(2, 0));
    expect(prove(history).conclusion).toMatch(/no write at all was submitted between/);
  });

  it('does not look beyond the cut', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.mark(2);
    const cut = history.events.length;
    history.complete(history.flush());
    expect(buildProof(lost, oneWrite, history, cut)!.conclusion).toMatch(/no flush was submitted/);
  });

  it('does not count a flush that completes beyond the cut', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    const flush = history.flush();
    history.mark(2);
    const cut = history.events.length;
    history.complete(flush);
    expect(buildProof(lost, oneWrite, history, cut)!.conclusion).toMatch(
      /the first flush submitted after .*, at event 4, had not completed/,
    );
  });
});

describe('a proof', () => {
  it('needs no flush on a drive without a volatile cache', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0)));
    history.mark(2);
    const options = { writeCache: 'none', blockBytes: 4096 } as const;
    const proof = buildProof(lost, oneWrite, history, history.events.length, options);
    expect(proof!.conclusion).toMatch(/durable at event 3, .*the engine lost it/);
  });

  it('of an operation that was not acknowledged says that', () => {
    const history = new HandMade();
    history.mark(1);
    history.complete(history.write(pageWith(1, 0), true));
    const proof = prove(history, ledgerOf('w0'));
    expect(proof.conclusion).toMatch(/had not been acknowledged .* durable from event 3/);
  });

  it('of an operation from before the history says that', () => {
    const history = new HandMade();
    history.mark(3);
    expect(prove(history).conclusion).toMatch(/invoked before this history begins/);
  });

  it('is not to be had for a violation that names no operation', () => {
    expect(buildProof({ ...lost, ops: [] }, oneWrite, new HandMade(), 0)).toBeUndefined();
  });
});
