import { Buffer } from 'node:buffer';
import {
  HarnessError,
  type DeviceGeometry,
  type EventSeq,
  type FaultFiring,
} from '../contract/index.ts';
import type { ByteReader } from './byte-stream.ts';
import { answers, effects, eventCodes } from './history-codes.ts';
import { History, type RecordedFlush, type UnitSubset } from './history.ts';
import { createImage } from './image.ts';
import { Unit } from './unit.ts';

interface KnownContents {
  readonly unitBytes: number;
  readonly units: Unit[];
}

/** Rebuilds a history by recording it again from the bodies of the chunks. */
export class HistoryDecoder {
  readonly history: History;
  readonly #contents = new Map<number, KnownContents>();
  #nowNs = 0;

  constructor() {
    this.history = new History({ now: () => this.#nowNs });
  }

  device(body: ByteReader): void {
    const device = body.varint();
    const name = body.text();
    const geometry = JSON.parse(body.text()) as DeviceGeometry;
    const base = createImage(geometry, body.u32());
    this.#contents.set(device, { unitBytes: base.unitBytes, units: [] });
    const written = body.varint();
    for (let count = 0; count < written; count++) {
      base.writeUnit(body.varint(), this.#content(device, body));
    }
    this.history.addDevice({ device, name, geometry, base });
  }

  events(body: ByteReader): void {
    const count = body.varint();
    for (let read = 0; read < count; read++) this.#event(body);
  }

  #event(body: ByteReader): void {
    const code = body.u8();
    this.#nowNs += body.varint();
    switch (code) {
      case eventCodes.mark:
        this.history.mark(body.varint());
        return;
      case eventCodes.fault:
        this.history.fault(body.varint(), readFiring(body));
        return;
      case eventCodes.cut:
        this.history.cutAlone(body.varint(), readFiring(body));
        return;
      case eventCodes.rot:
        this.#rot(body);
        return;
      case eventCodes.submitRead:
        this.history.submitRead(body.varint(), body.varint(), body.varint());
        return;
      case eventCodes.submitFlush:
        this.history.submitFlush(body.varint());
        return;
      case eventCodes.submitDiscard:
        this.#submitDiscard(body);
        return;
      case eventCodes.submitWrite:
        this.#submitWrite(body);
        return;
      case eventCodes.completeRead:
      case eventCodes.completeFlush:
      case eventCodes.completeDiscard:
      case eventCodes.completeWrite:
        this.#complete(code, body);
        return;
      default:
        throw new HarnessError('EVIDENCE_DAMAGED', `history event of unknown kind ${code}`);
    }
  }

  #rot(body: ByteReader): void {
    const device = body.varint();
    const firing = readFiring(body);
    const unitIndex = body.varint();
    this.history.rot(device, firing, unitIndex, this.#content(device, body));
  }

  #submitDiscard(body: ByteReader): void {
    const device = body.varint();
    const lba = body.varint();
    const firstUnit = body.varint();
    this.history.submitDiscard({ device, firstUnit, unitCount: body.varint() }, lba);
  }

  #submitWrite(body: ByteReader): void {
    const device = body.varint();
    const lba = body.varint();
    const fua = body.u8() === 1;
    const landsAtUnit = body.varint();
    const inFlight = readSubset(body);
    const unitCount = body.varint();
    const units = Array.from({ length: unitCount }, () => this.#content(device, body));
    const payload = Buffer.concat(units.map((unit) => unit.bytes));
    const blockCount = unitCount * this.history.deviceOf(device).geometry.atomicWriteBlocks;
    this.history.submitWrite({
      device,
      lba,
      blockCount,
      fua,
      payload: new Uint8Array(payload.buffer, payload.byteOffset, payload.length),
      units,
      landsAtUnit,
      inFlight,
    });
  }

  #complete(code: number, body: ByteReader): void {
    const submitted: EventSeq = body.varint();
    if (code === eventCodes.completeDiscard) {
      this.history.completeDiscard(submitted);
      return;
    }
    const device = this.history.events[submitted - 1]!.device;
    const answer = nameOf(answers, body.u8());
    if (code === eventCodes.completeFlush) {
      const effect = nameOf(effects, body.u8()) as RecordedFlush['effect'];
      this.history.completeFlush(device, submitted, answer, effect);
      return;
    }
    const byteCount = body.varint();
    if (code === eventCodes.completeRead) {
      this.history.completeRead(device, submitted, answer, byteCount);
      return;
    }
    const effect = nameOf(effects, body.u8());
    const durable = body.u8() === 1;
    const landed = readSubset(body);
    this.history.completeWrite(submitted, { answer, byteCount, effect, landed, durable });
  }

  #content(device: number, body: ByteReader): Unit {
    const { unitBytes, units } = this.#contents.get(device)!;
    const number = body.varint();
    if (number === units.length) units.push(new Unit(body.bytes(unitBytes)));
    const unit = units[number];
    if (unit !== undefined) return unit;
    throw new HarnessError('EVIDENCE_DAMAGED', `history content ${number} is not known yet`);
  }
}

function readFiring(body: ByteReader): FaultFiring {
  return JSON.parse(body.text()) as FaultFiring;
}

function readSubset(body: ByteReader): UnitSubset {
  const count = body.varint();
  if (count === 0) return 'all';
  return Array.from({ length: count - 1 }, () => body.varint());
}

function nameOf<T>(names: readonly T[], code: number): T {
  const name = names[code];
  if (name !== undefined) return name;
  throw new HarnessError('EVIDENCE_DAMAGED', `history code ${code} is not known`);
}
