/**
 * What the run and the twin's server say to each other beside notes, over a pair of sockets: frames of
 * u32 length of the body, u8 kind, body. Each request of the run is answered in its order by `done`,
 * `history` or `failed`; `power-lost` comes by itself.
 */
import { Buffer } from 'node:buffer';
import type { HarnessErrorCode } from '../contract/index.ts';

export const frameKinds = {
  /** A `TwinJob` and after it, as a history file without events, what the drive holds. */
  job: 1,
  image: 2,
  arm: 3,
  /** Take the notes that are there. */
  takeNotes: 4,
  cut: 5,
  /** The device is mounted: the answer to the job. */
  ready: 16,
  done: 17,
  /** Of the history file, and then its end. */
  historyPiece: 18,
  history: 21,
  failed: 19,
  powerLost: 20,
} as const;

export interface Failed {
  readonly code: HarnessErrorCode;
  readonly message: string;
}

export interface Frame {
  readonly kind: number;
  readonly body: Buffer;
}

const headBytes = 5;

export function frameOf(kind: number, body: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + body.length);
  frame.writeUInt32LE(body.length, 0);
  frame.writeUInt8(kind, 4);
  frame.set(body, headBytes);
  return frame;
}

export function jsonFrameOf(kind: number, value: unknown): Buffer {
  return frameOf(kind, Buffer.from(JSON.stringify(value)));
}

/** What the other side has put there, as both know it. */
export function jsonOf({ body }: Frame): unknown {
  return JSON.parse(body.toString('utf8'));
}

/** Puts frames together from the pieces that a stream arrives in. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #byteCount = 0;

  /** The frames that are whole now; the piece must not change any more. */
  *take(piece: Buffer): Generator<Frame> {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame;
  }

  #next(): Frame | undefined {
    if (this.#byteCount < headBytes) return undefined;
    if (this.#pieces[0]!.length < headBytes) this.#pieces = [Buffer.concat(this.#pieces)];
    const head = this.#pieces[0]!;
    const frameBytes = headBytes + head.readUInt32LE(0);
    if (this.#byteCount < frameBytes) return undefined;
    const all = this.#pieces.length === 1 ? head : Buffer.concat(this.#pieces);
    this.#pieces = frameBytes < all.length ? [all.subarray(frameBytes)] : [];
    this.#byteCount -= frameBytes;
    return { kind: head.readUInt8(4), body: all.subarray(headBytes, frameBytes) };
  }
}
