import assert from 'node:assert/strict';
import type {
  CompleteEvent,
  EventSeq,
  FaultEvent,
  HistoryEvent,
  SubmitEvent,
} from '../contract/index.ts';
import { ByteWriter } from './byte-stream.ts';
import { answers, effects, eventCodes } from './history-codes.ts';
import type { History, RecordedDiscard, RecordedRot, UnitSubset } from './history.ts';
import type { Unit } from './unit.ts';

/** Bodies are cut when they reach this, so that a chunk never has to be held twice over. */
const chunkBytes = 1 << 20;

/** Writes the bodies of the chunks of a history file; history-file.ts has the layout. */
export class HistoryEncoder {
  readonly #history: History;
  readonly #writer = new ByteWriter();
  readonly #contents = new Map<number, Map<Unit, number>>();
  readonly #discards: ReadonlyMap<EventSeq, RecordedDiscard>;
  readonly #rots: ReadonlyMap<EventSeq, RecordedRot>;
  #previousNs = 0;

  constructor(history: History) {
    this.#history = history;
    this.#discards = new Map([...history.discards].map((discard) => [discard.submitted, discard]));
    this.#rots = new Map(history.rots.map((rot) => [rot.seq, rot]));
  }

  *devices(): Generator<Uint8Array> {
    const writer = this.#writer;
    for (const { device, name, geometry, base } of this.#history.devices) {
      writer.varint(device);
      writer.text(name);
      writer.text(JSON.stringify(geometry));
      writer.u32(base.foreignSeed);
      const written = base.writtenUnits();
      writer.varint(written.length);
      for (const { index, unit } of written) {
        writer.varint(index);
        this.#content(device, unit);
      }
      yield writer.take();
    }
  }

  *events(): Generator<Uint8Array> {
    const { events } = this.#history;
    const body = new ByteWriter();
    let count = 0;
    for (const event of events) {
      this.#event(event);
      body.bytes(this.#writer.take());
      count += 1;
      if (body.length < chunkBytes && event.seq < events.length) continue;
      this.#writer.varint(count);
      this.#writer.bytes(body.take());
      yield this.#writer.take();
      count = 0;
    }
  }

  end(): Uint8Array {
    this.#writer.varint(this.#history.end);
    return this.#writer.take();
  }

  #event(event: HistoryEvent): void {
    switch (event.kind) {
      case 'mark':
        this.#head(eventCodes.mark, event);
        this.#writer.varint(event.position);
        break;
      case 'fault':
        this.#fault(event);
        break;
      case 'submit':
        this.#submit(event);
        break;
      case 'complete':
        this.#complete(event);
        break;
    }
  }

  #head(code: number, { atNs }: HistoryEvent): void {
    this.#writer.u8(code);
    this.#writer.varint(atNs - this.#previousNs);
    this.#previousNs = atNs;
  }

  #fault(event: FaultEvent): void {
    const rot = this.#rots.get(event.seq);
    const isCut = this.#history.cuts.get(event.device) === event.seq;
    const plain = isCut ? eventCodes.cut : eventCodes.fault;
    this.#head(rot === undefined ? plain : eventCodes.rot, event);
    this.#writer.varint(event.device);
    this.#writer.text(JSON.stringify(event.firing));
    if (rot === undefined) return;
    this.#writer.varint(rot.unitIndex);
    this.#content(event.device, rot.unit);
  }

  #submit(event: SubmitEvent): void {
    switch (event.request) {
      case 'read':
        this.#head(eventCodes.submitRead, event);
        this.#writer.varint(event.device);
        this.#writer.varint(event.lba);
        this.#writer.varint(event.blockCount);
        break;
      case 'flush':
        this.#head(eventCodes.submitFlush, event);
        this.#writer.varint(event.device);
        break;
      case 'discard':
        this.#submitDiscard(event);
        break;
      case 'write':
        this.#submitWrite(event);
        break;
    }
  }

  #submitDiscard(event: SubmitEvent): void {
    const { firstUnit, unitCount } = this.#discards.get(event.seq)!;
    this.#head(eventCodes.submitDiscard, event);
    for (const value of [event.device, event.lba, firstUnit, unitCount]) this.#writer.varint(value);
  }

  #submitWrite(event: SubmitEvent): void {
    const { landsAtUnit, inFlight, units } = this.#history.writeOf(event.seq);
    const writer = this.#writer;
    this.#head(eventCodes.submitWrite, event);
    writer.varint(event.device);
    writer.varint(event.lba);
    writer.u8(Number(event.fua));
    writer.varint(landsAtUnit);
    this.#subset(inFlight);
    writer.varint(units.length);
    for (const unit of units) this.#content(event.device, unit);
  }

  #complete(event: CompleteEvent): void {
    const writer = this.#writer;
    const codes = {
      read: eventCodes.completeRead,
      flush: eventCodes.completeFlush,
      discard: eventCodes.completeDiscard,
      write: eventCodes.completeWrite,
    };
    this.#head(codes[event.request], event);
    writer.varint(event.submitted);
    if (event.request === 'discard') return;
    writer.u8(codeOf(answers, event.answer));
    if (event.request !== 'flush') writer.varint(event.byteCount);
    if (event.request === 'read') return;
    writer.u8(codeOf(effects, event.effect));
    if (event.request === 'flush') return;
    const { durable, landed } = this.#history.writeOf(event.submitted);
    writer.u8(Number(durable));
    this.#subset(landed);
  }

  #subset(subset: UnitSubset): void {
    this.#writer.varint(subset === 'all' ? 0 : 1 + subset.length);
    if (subset !== 'all') for (const place of subset) this.#writer.varint(place);
  }

  #content(device: number, unit: Unit): void {
    let known = this.#contents.get(device);
    if (known === undefined) {
      known = new Map();
      this.#contents.set(device, known);
    }
    const number = known.get(unit);
    this.#writer.varint(number ?? known.size);
    if (number !== undefined) return;
    known.set(unit, known.size);
    this.#writer.bytes(unit.bytes);
  }
}

function codeOf<T>(names: readonly T[], name: T): number {
  const code = names.indexOf(name);
  assert(code >= 0, 'a name without a code in the history file');
  return code;
}
