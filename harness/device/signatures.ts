/**
 * What a disk holds, by the marks that file systems, volume managers and partition tables leave on
 * it. Kept by us, as well as asking wipefs: a tool that is missing must not mean that a disk is empty.
 * Offsets and values are those of libblkid (util-linux, libblkid/src/superblocks and partitions).
 */
import { open, type FileHandle } from 'node:fs/promises';
import { runTool } from './system-tool.ts';

interface Magic {
  readonly name: string;
  readonly bytes: Buffer;
  /** From the start of the device, or from its end when negative. */
  readonly byteOffset: number;
}

function text(name: string, characters: string, ...byteOffsets: number[]): Magic[] {
  const bytes = Buffer.from(characters, 'latin1');
  return byteOffsets.map((byteOffset) => ({ name, bytes, byteOffset }));
}

function hex(name: string, digits: string, ...byteOffsets: number[]): Magic[] {
  const bytes = Buffer.from(digits, 'hex');
  return byteOffsets.map((byteOffset) => ({ name, bytes, byteOffset }));
}

const pageSizes = [4096, 8192, 16_384, 32_768, 65_536];
const sectorSizes = [512, 4096];

const magics: readonly Magic[] = [
  ...hex('MBR partition table or boot sector', '55aa', 510),
  ...text('GPT partition table', 'EFI PART', ...sectorSizes, ...sectorSizes.map((size) => -size)),
  ...hex('ext2, ext3 or ext4 file system', '53ef', 1080),
  ...text('XFS file system', 'XFSB', 0),
  ...text('Btrfs file system', '_BHRfS_M', 0x10040),
  ...text('swap space', 'SWAPSPACE2', ...pageSizes.map((size) => size - 10)),
  ...text('swap space', 'SWAP-SPACE', ...pageSizes.map((size) => size - 10)),
  ...text('hibernation image', 'S1SUSPEND', ...pageSizes.map((size) => size - 10)),
  ...text('LVM physical volume', 'LABELONE', 0, 512, 1024, 1536),
  ...hex('md RAID member', 'fc4e2ba9', 0, 4096),
  ...text('LUKS encrypted volume', 'LUKS\xba\xbe', 0),
  ...text('LUKS encrypted volume', 'SKUL\xba\xbe', 0x4000, 0x8000, 0x10000),
  ...hex('bcache or bcachefs member', 'c68573f6', 4096 + 24),
  ...text('Ceph BlueStore volume', 'bluestore block device', 0),
  ...hex('F2FS file system', '1020f5f2', 1024),
  ...hex('NILFS2 file system', '3434', 1030),
  ...hex('EROFS file system', 'e2e1f5e0', 1024),
  ...text('SquashFS file system', 'hsqs', 0),
  ...text('JFS file system', 'JFS1', 32_768),
  ...text('NTFS file system', 'NTFS    ', 3),
  ...text('exFAT file system', 'EXFAT   ', 3),
  ...text('ISO 9660 file system', 'CD001', 32_769),
  ...text('Oracle ASM disk', 'ORCLDISK', 32),
];

/** Names of what was found on the device, each once. Opens it for reading only. */
export async function findSignatures(path: string, byteCount: number): Promise<readonly string[]> {
  await using device = await open(path, 'r');
  const found = new Set<string>();
  for (const { name, bytes, byteOffset } of magics) {
    const start = byteOffset < 0 ? byteCount + byteOffset : byteOffset;
    if (await holds(device, start, bytes, byteCount)) found.add(name);
  }
  for (const start of mdOffsetsAtEnd(byteCount)) {
    if (await holds(device, start, mdMagic, byteCount)) found.add('md RAID member');
  }
  if (await hasZfsLabel(device, byteCount)) found.add('ZFS pool member');
  return [...found];
}

async function holds(
  device: FileHandle,
  start: number,
  bytes: Buffer,
  byteCount: number,
): Promise<boolean> {
  if (start < 0 || start + bytes.byteLength > byteCount) return false;
  return (await readAt(device, start, bytes.byteLength)).equals(bytes);
}

async function readAt(device: FileHandle, start: number, byteCount: number): Promise<Buffer> {
  const target = Buffer.alloc(byteCount);
  const { bytesRead } = await device.read(target, 0, byteCount, start);
  return target.subarray(0, bytesRead);
}

const mdMagic = Buffer.from('fc4e2ba9', 'hex');

/** Format 0.90 lies in the last 64 KiB unit, format 1.0 in a 4 KiB unit 8 KiB before the end. */
function mdOffsetsAtEnd(byteCount: number): readonly number[] {
  const unit90 = 65_536;
  const sectors = Math.floor(byteCount / 512);
  return [
    Math.floor(byteCount / unit90) * unit90 - unit90,
    Math.floor((sectors - 16) / 8) * 8 * 512,
  ];
}

/** A pool writes four labels of 256 KiB, two at each end; the upper half of each is uberblocks. */
const zfsLabelBytes = 256 * 1024;
const zfsUberblockStep = 1024;
const zfsUberblockMagics = ['0cb1ba0000000000', '0000000000bab10c'];

async function hasZfsLabel(device: FileHandle, byteCount: number): Promise<boolean> {
  const end = Math.floor(byteCount / zfsLabelBytes) * zfsLabelBytes;
  const labels = [0, zfsLabelBytes, end - 2 * zfsLabelBytes, end - zfsLabelBytes];
  for (const label of labels.filter((start) => start >= 0)) {
    const uberblocks = await readAt(device, label + zfsLabelBytes / 2, zfsLabelBytes / 2);
    for (let at = 0; at + 8 <= uberblocks.byteLength; at += zfsUberblockStep) {
      if (zfsUberblockMagics.includes(uberblocks.toString('hex', at, at + 8))) return true;
    }
  }
  return false;
}

/**
 * What wipefs sees, where it is installed: it knows more kinds than the table above. With --no-act it
 * only lists. Undefined where there is no such tool.
 */
export async function wipefsOpinion(path: string): Promise<readonly string[] | undefined> {
  const answer = await runTool('wipefs', ['--no-act', '--noheadings', '--output', 'TYPE', path]);
  if (answer === undefined) return undefined;
  const types = answer.stdout.split('\n').map((line) => line.trim());
  const problem = answer.exitCode === 0 ? [] : [`wipefs could not look: ${answer.stderr.trim()}`];
  return [...new Set([...types.filter((type) => type !== ''), ...problem])];
}
