import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * ConsumerMark: a consumer of appended records is done with all up to `watermark`. The record has
 * the id of the transaction that it is a part of, 0 by itself, then this.
 */
export interface ConsumerMark {
  readonly name: string;
  readonly watermark: number;
  /** `join`: there is such a consumer from now on; `leave`: there is none any more. */
  readonly kind: 'progress' | 'join' | 'leave';
}

export const consumerNameBytesMax = 55;
const kinds = ['progress', 'join', 'leave'] as const;
const headBytes = 18;

export function encodeConsumerMark({ name, watermark, kind }: ConsumerMark): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(headBytes + text.length);
  writeU64(viewOf(bytes), 8, watermark);
  bytes[16] = kinds.indexOf(kind);
  bytes[17] = text.length;
  bytes.set(text, headBytes);
  return bytes;
}

export interface ConsumerMarkRecord extends ConsumerMark {
  /** Of the transaction that it is a part of; 0 for one by itself. */
  readonly txid: number;
}

/** Undefined where the bytes cannot be a mark. */
export function decodeConsumerMark(payload: Uint8Array): ConsumerMarkRecord | undefined {
  const kind = kinds[payload[16] ?? kinds.length];
  if (kind === undefined || payload.length !== headBytes + payload[17]!) return undefined;
  const view = viewOf(payload);
  const name = new TextDecoder().decode(payload.subarray(headBytes));
  return { txid: readU64(view, 0), watermark: readU64(view, 8), kind, name };
}
