import { attachmentOf, type GuestDrive } from './qemu-arguments.ts';

/** What the guest cannot reach its steward without. A kernel that lacks one of these is of no use. */
export const bootModules: readonly string[] = [
  'virtio_pci',
  'virtio_console',
  'virtiofs',
  'overlay',
  'nvme',
];

/**
 * What scenarios may ask for: loaded by modprobe in the guest when it is needed. A kernel may lack
 * some (the cloud kernel has no F2FS), and then says so when they are asked for.
 */
export const optionalModules: readonly string[] = [
  ...['ext4', 'xfs', 'btrfs', 'f2fs', 'nilfs2'],
  ...['loop', 'nbd', 'null_blk', 'virtio_blk', 'nvme-tcp', 'nvmet-tcp', 'virtio-rng'],
  ...['dm-mod', 'dm-flakey', 'dm-log-writes', 'dm-delay', 'dm-snapshot', 'dm-thin-pool'],
  ...['dm-zero', 'dm-integrity', 'dm-crypt', 'dm-dust'],
  // Checksums and hashes that the file systems ask for by algorithm.
  ...['crc32c_generic', 'crc32_generic', 'crc32c-intel', 'crc32-pclmul', 'libcrc32c'],
  ...['xxhash_generic', 'blake2b_generic', 'sha256_generic'],
];

/** What the guest's kernel needs for its drives beside what it always has. */
export function modulesFor(drives: readonly GuestDrive[]): readonly string[] {
  return drives.some((drive) => attachmentOf(drive) === 'virtio-blk') ? ['virtio_blk'] : [];
}
