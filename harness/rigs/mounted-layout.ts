/**
 * Where file systems keep what their own check does not look at, or what changes with every mount: the
 * contents of a recovered journal, times and counters of mounts, sequence numbers, and the checksums
 * over them. Offsets are those of the on-disk formats: kernel Documentation/filesystems/ext4
 * (super.rst, journal.rst, ifork.rst) and fs/xfs/libxfs/xfs_format.h.
 */
import { Buffer } from 'node:buffer';
import type { FileRange } from '../sys/file-calls.ts';

export interface CheckLayout {
  /** Ranges whose contents mean nothing once the file system has been unmounted. */
  readonly unread: readonly FileRange[];
  /** Ranges of a few bytes that differ from mount to mount, whatever else is equal. */
  readonly volatile: readonly FileRange[];
}

type ReadBytes = (byteOffset: number, target: Uint8Array) => void;

export function layoutOf(type: string, read: ReadBytes): CheckLayout {
  switch (type) {
    case 'ext4':
    case 'ext3':
    case 'ext2':
      return extLayout(read);
    case 'xfs':
      return xfsLayout(read);
    default:
      return { unread: [], volatile: [] };
  }
}

const superblockOffset = 1024;

/** Of the superblock: offset and bytes. */
const extVolatile: readonly (readonly [number, number])[] = [
  // s_mtime, s_wtime, s_mnt_count
  [0x2c, 10],
  // s_last_mounted
  [0x88, 64],
  // s_kbytes_written
  [0x178, 8],
  // s_wtime_hi, s_mtime_hi
  [0x274, 2],
  // s_checksum
  [0x3fc, 4],
];

/** Of the journal's superblock. */
const journalVolatile: readonly (readonly [number, number])[] = [
  // s_sequence
  [0x18, 4],
  // s_head
  [0x54, 4],
  // s_checksum
  [0xfc, 4],
];

function extLayout(read: ReadBytes): CheckLayout {
  const superblock = Buffer.alloc(1024);
  read(superblockOffset, superblock);
  const volatile = rangesAt(superblockOffset, extVolatile);
  const blockBytes = 1024 << superblock.readUInt32LE(0x18);
  const journal = journalExtents(superblock, blockBytes);
  const [first] = journal;
  if (first === undefined) return { unread: [], volatile };
  return {
    unread: journal,
    volatile: [...volatile, ...rangesAt(first.byteOffset, journalVolatile)],
  };
}

const extentMagic = 0xf30a;

/**
 * The superblock keeps a copy of the journal inode's 60 bytes of block pointers (s_jnl_blocks); those
 * of a small journal are a single node of extents.
 */
function journalExtents(superblock: Buffer, blockBytes: number): readonly FileRange[] {
  const isBackedUp = superblock[0xfd] === 1;
  const pointers = superblock.subarray(0x10c, 0x10c + 60);
  if (!isBackedUp || pointers.readUInt16LE(0) !== extentMagic) return [];
  const count = pointers.readUInt16LE(2);
  const depth = pointers.readUInt16LE(6);
  if (depth > 0 || count > 4) return [];
  return Array.from({ length: count }, (_, index) => {
    const place = 12 + 12 * index;
    const block = pointers.readUInt32LE(place + 8) + pointers.readUInt16LE(place + 6) * 2 ** 32;
    const blocks = pointers.readUInt16LE(place + 4);
    return { byteOffset: block * blockBytes, byteCount: blocks * blockBytes };
  });
}

/** Of the superblock: sb_crc, sb_lsn. */
const xfsVolatile: readonly (readonly [number, number])[] = [
  [224, 4],
  [240, 8],
];

/** The log is in an allocation group; its place is a group's number above a block's (sb_agblklog). */
function xfsLayout(read: ReadBytes): CheckLayout {
  const superblock = Buffer.alloc(512);
  read(0, superblock);
  const blockBytes = superblock.readUInt32BE(4);
  const groupBlocks = superblock.readUInt32BE(84);
  const logBlocks = superblock.readUInt32BE(96);
  const groupShift = 2 ** superblock.readUInt8(124);
  const start = Number(superblock.readBigUInt64BE(48));
  const block = Math.floor(start / groupShift) * groupBlocks + (start % groupShift);
  return {
    unread: [{ byteOffset: block * blockBytes, byteCount: logBlocks * blockBytes }],
    volatile: rangesAt(0, xfsVolatile),
  };
}

function rangesAt(base: number, places: readonly (readonly [number, number])[]): FileRange[] {
  return places.map(([offset, byteCount]) => ({ byteOffset: base + offset, byteCount }));
}
