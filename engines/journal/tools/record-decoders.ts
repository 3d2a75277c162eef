import { decodeConsumerMark } from '../format/consumer-mark.ts';
import {
  clrBytes,
  mapChangeBytes,
  readBlockWriteHead,
  readClr,
  readMapChange,
  readEpochStart,
  readSegmentHeader,
  readTxnCommit,
  txnIdBytes,
} from '../format/payloads.ts';
import { isCallersType, recordTypes, requiredBit } from '../format/record-types.ts';
import { readU64, viewOf } from '../format/u64.ts';
import { formatHex } from './quantities.ts';

/** The fields of a payload's head, in the order in which they stand. */
export type PayloadFields = Readonly<Record<string, number | string>>;

interface RecordDecoder {
  readonly name: string;
  /** Bytes that the head has at least; a shorter payload is shown as bytes. */
  readonly headBytes: number;
  decode(payload: Uint8Array): PayloadFields;
}

/**
 * One entry for each of the engine's own records. A type that has none is still listed, with its
 * number and its first bytes.
 */
const decoders: Readonly<Record<number, RecordDecoder>> = {
  [recordTypes.blockWrite]: { name: 'BlockWrite', headBytes: 16, decode: (p) => blockWrite(p, 0) },
  [recordTypes.txnBegin]: {
    name: 'TxnBegin',
    headBytes: 12,
    decode: (p) => ({ txid: readU64(viewOf(p), 0), blocks: viewOf(p).getUint32(8, true) }),
  },
  [recordTypes.txnBlock]: {
    name: 'TxnBlock',
    headBytes: 24,
    decode: (p) => ({ txid: readU64(viewOf(p), 0), ...blockWrite(p, txnIdBytes) }),
  },
  [recordTypes.txnCommit]: {
    name: 'TxnCommit',
    headBytes: 24,
    decode: (p) => {
      const { txid, recordCount, firstLsn, digest } = readTxnCommit(viewOf(p), 0);
      return { txid, records: recordCount, firstLsn, digest: hexWord(digest) };
    },
  },
  [recordTypes.txnAbort]: {
    name: 'TxnAbort',
    headBytes: 8,
    decode: (p) => ({ txid: readU64(viewOf(p), 0) }),
  },
  [recordTypes.undo]: {
    name: 'Undo',
    headBytes: 24,
    decode: (p) => ({ txid: readU64(viewOf(p), 0), ...blockWrite(p, txnIdBytes) }),
  },
  [recordTypes.clr]: {
    name: 'Clr',
    headBytes: clrBytes,
    decode: (p) => ({ ...readClr(viewOf(p), 0) }),
  },
  [recordTypes.mapUpdate]: { name: 'MapUpdate', headBytes: mapChangeBytes, decode: mapUpdate },
  [recordTypes.consumerMark]: {
    name: 'ConsumerMark',
    headBytes: 18,
    decode: (p) => ({ ...decodeConsumerMark(p) }),
  },
  [recordTypes.epochStart]: {
    name: 'EpochStart',
    headBytes: 64,
    decode: (p) => {
      const start = readEpochStart(p, 0);
      return { ...start, salt: formatHex(start.salt) };
    },
  },
  [recordTypes.segmentHeader]: {
    name: 'SegHdr',
    headBytes: 24,
    decode: (p) => {
      const header = readSegmentHeader(viewOf(p), 0);
      return { ...header, prevDigest: hexWord(header.prevDigest) };
    },
  },
};

/** Of a payload that nothing here can read. */
const shownBytes = 16;

export function recordName(type: number): string {
  const known = decoders[type];
  if (known !== undefined) return known.name;
  if (isCallersType(type)) return "caller's";
  return (type & requiredBit) === 0 ? 'unknown, may be passed over' : 'unknown, required';
}

export function payloadFields(type: number, payload: Uint8Array): PayloadFields {
  const decoder = decoders[type];
  if (decoder !== undefined && payload.length >= decoder.headBytes) return decoder.decode(payload);
  return payload.length === 0 ? {} : { begins: formatHex(payload.subarray(0, shownBytes)) };
}

export function hexWord(word: number): string {
  return word.toString(16).padStart(8, '0');
}

function blockWrite(payload: Uint8Array, at: number): PayloadFields {
  const { block, blockCount, dataCrc } = readBlockWriteHead(viewOf(payload), at);
  return { block, blocks: blockCount, dataCrc: hexWord(dataCrc) };
}

/** The first of its changes, and how many there are. */
function mapUpdate(payload: Uint8Array): PayloadFields {
  const { block, physical, dataDigest } = readMapChange(viewOf(payload), 0);
  const changes = Math.floor(payload.length / mapChangeBytes);
  return { changes, block, physical, dataDigest: hexWord(dataDigest) };
}
