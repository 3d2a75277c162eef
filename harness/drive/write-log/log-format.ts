/**
 * The format that dm-log-writes (Linux drivers/md/dm-log-writes.c) and QEMU's blklogwrites
 * (block/blklogwrites.c) write. Numbers are little-endian, a block is the logical block of the drive
 * that was logged, and everything is aligned to it:
 *
 *     super   = le64 magic, le64 version, le64 entries, le32 block bytes; the rest of its block is zero,
 *               but for 4 bytes that C pads the struct with
 *     log     = super (header data)*
 *     header  = one block: le64 lba, le64 blocks, le64 flags, le64 inline bytes, text of a mark, zeros
 *     data    = the blocks that were written; none for a discard, a mark and an empty flush
 *
 * Headers have neither a checksum nor a number, so what lies past the entries that the super block
 * counts may be the rest of an older log. The kernel renews the count only after a FUA write or a mark.
 */
import { Buffer } from 'node:buffer';

export const superBytes = 28;
export const headerBytes = 32;

/** Flags of an entry. */
export const logFlags = { flush: 1, fua: 2, discard: 4, mark: 8, metadata: 16 } as const;

const knownFlags = Object.values(logFlags).reduce((all, flag) => all | flag, 0);

/** As the bytes stand on the disk; le64 0x6a736677736872. */
export const logMagic = Buffer.from([0x72, 0x68, 0x73, 0x77, 0x66, 0x73, 0x6a, 0x00]);
export const logVersion = 1;

export interface LogSuper {
  readonly entryCount: number;
  /** Bytes of a block: 512 or 4096. */
  readonly blockBytes: number;
}

export interface LogHeader {
  readonly lba: number;
  readonly blockCount: number;
  /** Sum of `logFlags`. */
  readonly flags: number;
  /** Text of a mark; empty for everything else. */
  readonly text: string;
}

/** What a header says, or why it is none. */
export type ParsedHeader = { readonly header: LogHeader } | { readonly problem: string };

/** Reads the first bytes of a log; a string says what is wrong with them. */
export function parseSuper(bytes: Buffer): LogSuper | string {
  if (bytes.length < superBytes) return `it has ${bytes.length} bytes`;
  if (!bytes.subarray(0, logMagic.length).equals(logMagic)) return 'the magic is missing';
  const version = readNumber(bytes, 8);
  if (version !== logVersion) return `its version is ${version ?? 'beyond 2^53'}, expected 1`;
  const entryCount = readNumber(bytes, 16);
  if (entryCount === undefined) return 'it counts more than 2^53 entries';
  const blockBytes = bytes.readUInt32LE(24);
  if (blockBytes !== 512 && blockBytes !== 4096) {
    return `its blocks have ${blockBytes} bytes, expected 512 or 4096`;
  }
  return { entryCount, blockBytes };
}

/**
 * Reads the block of a header. Stricter than `log_entry_valid` of fstests (src/log-writes), which
 * looks at one byte of the padding only: both writers fill the whole block with zeros.
 */
export function parseHeader(block: Buffer): ParsedHeader {
  const [lba, blockCount, flags, inlineBytes] = [0, 8, 16, 24].map((at) => readNumber(block, at));
  if (
    lba === undefined ||
    blockCount === undefined ||
    flags === undefined ||
    inlineBytes === undefined
  ) {
    return { problem: 'one of its numbers is beyond 2^53' };
  }
  const problem = headerProblem(block, { lba, blockCount, flags, inlineBytes });
  if (problem !== undefined) return { problem };
  const isMark = (flags & logFlags.mark) !== 0;
  const text = isMark ? block.toString('utf8', headerBytes, headerBytes + inlineBytes) : '';
  return { header: { lba, blockCount, flags, text } };
}

interface HeaderNumbers {
  readonly lba: number;
  readonly blockCount: number;
  readonly flags: number;
  readonly inlineBytes: number;
}

function headerProblem(
  block: Buffer,
  { lba, blockCount, flags, inlineBytes }: HeaderNumbers,
): string | undefined {
  if (flags === 0 && blockCount === 0) return 'it is empty';
  if (flags > knownFlags) return `its flags are ${flags}, of which some are not known`;
  if (lba + blockCount > Number.MAX_SAFE_INTEGER / block.length) return 'it ends beyond 2^53 bytes';
  if ((flags & logFlags.mark) === 0) {
    if (!isZero(block, headerBytes)) return 'its padding is not zero';
    // Writes of DAX keep their bytes as inline data, which is laid out like any other.
    if (inlineBytes === 0 || inlineBytes === blockCount * block.length) return undefined;
    return `it has ${inlineBytes} inline bytes for ${blockCount} blocks`;
  }
  if (flags !== logFlags.mark || blockCount > 0) return 'it is a mark with data';
  if (inlineBytes > block.length - headerBytes) return `its text has ${inlineBytes} bytes`;
  return isZero(block, headerBytes + inlineBytes) ? undefined : 'its padding is not zero';
}

const zeros = Buffer.alloc(4096);

function isZero(block: Buffer, from: number): boolean {
  return block.compare(zeros, 0, block.length - from, from) === 0;
}

/** Undefined from 2^53 on. */
function readNumber(bytes: Buffer, at: number): number | undefined {
  const high = bytes.readUInt32LE(at + 4);
  return high < 2 ** 21 ? high * 2 ** 32 + bytes.readUInt32LE(at) : undefined;
}
