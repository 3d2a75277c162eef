import type { BlockDamage } from '../../contract/index.ts';
import { inspectBlock, writeStamp, type Inspected } from '../../ledger/block-stamp.ts';
import type { FioJob } from '../job.ts';
import { fillPattern } from './buffer-filler.ts';
import {
  crc32cHeaderBytes,
  inspectHeader,
  writeHeader,
  type HeaderDamage,
} from './verify-header.ts';

/** One write or one read of a job that verifies. */
export interface VerifiedOp {
  readonly byteOffset: number;
  /** Number of the write in the run, from 0. */
  readonly writeNumber: number;
}

/** What a block that was read back has wrong, and where it lies. */
export interface BlockFault {
  readonly byteOffset: number;
  readonly byteCount: number;
  /** `no-header`: nothing of ours was found; `stale`: another write of the same place. */
  readonly kind: HeaderDamage | BlockDamage['kind'];
}

/** Makes buffers that can be checked, and checks them when they come back. */
export interface BlockVerifier {
  /** Makes the filled buffer of a write checkable. */
  seal(target: Uint8Array, op: VerifiedOp): void;
  /** The first fault of a buffer that was read back, or undefined. */
  check(bytes: Uint8Array, op: VerifiedOp): BlockFault | undefined;
}

/** Undefined for a job that does not verify. `seed` is that of the run: it goes into stamps. */
export function createBlockVerifier(job: FioJob, seed: number): BlockVerifier | undefined {
  const { verify, threadNumber } = job;
  switch (verify.kind) {
    case 'none':
      return undefined;
    case 'null':
      return { seal: () => undefined, check: () => undefined };
    case 'pattern':
      return patternVerifier(verify);
    case 'crc32c':
      return headerVerifier(verify, threadNumber);
    case 'stamp':
      return stampVerifier(verify, threadNumber, seed);
  }
}

type Verify = FioJob['verify'];

function patternVerifier({ pattern, intervalBytes }: Verify): BlockVerifier {
  const parts = pattern ?? [];
  let expected = Buffer.alloc(intervalBytes);
  return {
    seal(target, { byteOffset }): void {
      fillPattern(target, parts, byteOffset);
    },
    check(bytes, { byteOffset }): BlockFault | undefined {
      if (expected.length < bytes.length) expected = Buffer.alloc(bytes.length);
      const whole = expected.subarray(0, bytes.length);
      fillPattern(whole, parts, byteOffset);
      if (whole.equals(bytes)) return undefined;
      return { byteOffset, byteCount: bytes.length, kind: 'corrupt' };
    },
  };
}

function headerVerifier(
  { intervalBytes, headerAtByte }: Verify,
  threadNumber: number,
): BlockVerifier {
  const aside = Buffer.alloc(crc32cHeaderBytes);
  return {
    seal(target, { byteOffset, writeNumber }): void {
      for (let begin = 0; begin < target.length; begin += intervalBytes) {
        const interval = target.subarray(begin, begin + intervalBytes);
        const place = byteOffset + begin;
        const contentSeed = (Math.imul(writeNumber + 1, 0x9e3779b1) ^ place) >>> 0;
        writeHeader(interval, { byteOffset: place, threadNumber, writeNumber, contentSeed });
        swapHeader(interval, headerAtByte, aside);
      }
    },
    check(bytes, { byteOffset, writeNumber }): BlockFault | undefined {
      for (let begin = 0; begin < bytes.length; begin += intervalBytes) {
        const interval = bytes.subarray(begin, begin + intervalBytes);
        swapHeader(interval, headerAtByte, aside);
        const kind = inspectHeader(interval, byteOffset + begin, writeNumber);
        swapHeader(interval, headerAtByte, aside);
        if (kind !== undefined)
          return { byteOffset: byteOffset + begin, byteCount: intervalBytes, kind };
      }
      return undefined;
    },
  };
}

/** `verify_offset`: the header changes places with as many bytes further on. */
function swapHeader(interval: Uint8Array, at: number, aside: Uint8Array): void {
  if (at === 0) return;
  aside.set(interval.subarray(0, crc32cHeaderBytes));
  interval.copyWithin(0, at, at + crc32cHeaderBytes);
  interval.set(aside, at);
}

/** A stamp per interval: the run, the place and the write, and a checksum over all of it. */
function stampVerifier(
  { intervalBytes }: Verify,
  threadNumber: number,
  seed: number,
): BlockVerifier {
  return {
    seal(target, { byteOffset, writeNumber }): void {
      const isOne = target.length === intervalBytes;
      for (let begin = 0; begin < target.length; begin += intervalBytes) {
        writeStamp(isOne ? target : target.subarray(begin, begin + intervalBytes), {
          seed,
          block: (byteOffset + begin) / 512,
          op: writeNumber + 1,
          writer: threadNumber,
          epoch: 1,
          value: 0,
          place: begin / intervalBytes,
        });
      }
    },
    check(bytes, { byteOffset, writeNumber }): BlockFault | undefined {
      for (let begin = 0; begin < bytes.length; begin += intervalBytes) {
        const interval = bytes.subarray(begin, begin + intervalBytes);
        const found = inspectBlock(interval, (byteOffset + begin) / 512, seed);
        const kind = faultOf(found, writeNumber + 1);
        if (kind !== undefined)
          return { byteOffset: byteOffset + begin, byteCount: intervalBytes, kind };
      }
      return undefined;
    },
  };
}

function faultOf(found: Inspected, op: number): BlockFault['kind'] | undefined {
  if ('kind' in found) return found.kind;
  if (found.op === op) return undefined;
  return found.op === 0 ? 'no-header' : 'stale';
}
