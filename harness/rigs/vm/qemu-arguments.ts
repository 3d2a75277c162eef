import { rootTag } from './guest-init.ts';
import type { SharedFolder } from './shared-folder.ts';

/** Where the blocks of a drive are. */
export type DriveSource =
  | { readonly kind: 'file'; readonly path: string }
  /** An NBD server on a socket of this machine. */
  | { readonly kind: 'nbd'; readonly socket: string; readonly exportName: string };

/**
 * How the host's page cache takes part. `writeback`: through it, and the guest's flushes are carried
 * out. `none`: past it, O_DIRECT. `unsafe`: through it, and flushes are not carried out, which a
 * guest cannot tell as long as the host lives.
 */
export type DriveCache = 'writeback' | 'none' | 'unsafe';

type AttachedAs = 'nvme' | 'virtio-blk';

export interface GuestDrive {
  /** Lower-case letters, digits and dashes, at most 11: it becomes part of the serial number. */
  readonly name: string;
  readonly source: DriveSource;
  readonly cache: DriveCache;
  /**
   * `virtio-blk` has no FUA: the guest sends a write and a flush for it. QEMU's NVMe says that it has FUA and
   * hands such a write on like any other (seen with QEMU 7.2), so whatever looks at a drive from beneath would
   * take an acknowledged write for one that may be lost. Undefined is NVMe, for a file, and else virtio-blk.
   */
  readonly attachedAs?: AttachedAs;
  /** Undefined is 512. */
  readonly logicalBlockBytes?: 512 | 4096;
  /** Existing file in which QEMU logs every write (blklogwrites), beneath the drive. */
  readonly writeLogFile?: string;
}

export interface QemuPlan {
  readonly accelerator: 'kvm' | 'tcg';
  readonly memoryMiB: number;
  readonly processors: number;
  readonly kernelFile: string;
  readonly initramfsFile: string;
  readonly consoleFile: string;
  readonly drives: readonly GuestDrive[];
  readonly shares: readonly SharedFolder[];
  /** Descriptor of the channel to the steward; undefined for a guest without one. */
  readonly stewardDescriptor: number | undefined;
  /** File that takes what processes say through their message port. */
  readonly messagesFile: string | undefined;
}

export const qemuProgram = 'qemu-system-x86_64';

/** What the guest's kernel knows a drive by; 20 characters are what NVMe has for it. */
export function serialOf({ name }: Pick<GuestDrive, 'name'>): string {
  return `powercut-${name}`;
}

export function attachmentOf({ attachedAs, source }: GuestDrive): AttachedAs {
  return attachedAs ?? (source.kind === 'file' ? 'nvme' : 'virtio-blk');
}

/** Everything explicit: a later QEMU with other defaults starts the same machine. */
export function qemuArguments(plan: QemuPlan): readonly string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-name', 'powercut'],
    ...['-machine', `q35,accel=${plan.accelerator},memory-backend=memory`],
    // What a guest of the emulator can do without makes it slower.
    ...['-cpu', plan.accelerator === 'kvm' ? 'host' : 'Nehalem'],
    ...['-smp', String(plan.processors), '-m', `${plan.memoryMiB}M`],
    ...['-object', `memory-backend-memfd,id=memory,size=${plan.memoryMiB}M,share=on`],
    ...['-kernel', plan.kernelFile, '-initrd', plan.initramfsFile, '-append', kernelCommandLine],
    ...['-chardev', `file,id=console,append=on,path=${escaped(plan.consoleFile)}`],
    ...['-serial', 'chardev:console'],
    ...plan.shares.flatMap(shareArguments),
    ...portArguments(plan),
    ...plan.drives.flatMap(driveArguments),
  ];
}

/**
 * `panic=-1` with -no-reboot: a guest that panics ends at once, and the console says why. `loglevel=7`:
 * all but debug messages, from boot to end; it costs nothing that could be measured under the emulator.
 */
const kernelCommandLine = 'console=ttyS0 loglevel=7 panic=-1 oops=panic mitigations=off';

function shareArguments({ tag, socket }: SharedFolder): readonly string[] {
  const id = tag === rootTag ? 'root' : 'shared';
  return [
    ...['-chardev', `socket,id=share-${id},path=${escaped(socket)}`],
    ...['-device', `vhost-user-fs-pci,chardev=share-${id},tag=${tag},queue-size=1024`],
  ];
}

/**
 * Without ioeventfd the guest's processor itself hands a message to the host's kernel, and runs on
 * only when that is done. So a message is out before anything that the guest does after it, and
 * SIGKILL cannot take it back: the file takes all that is written to it at once.
 */
function portArguments({ stewardDescriptor, messagesFile }: QemuPlan): readonly string[] {
  if (stewardDescriptor === undefined) return [];
  return [
    ...['-device', 'virtio-serial-pci,id=ports,ioeventfd=off'],
    ...['-chardev', `socket,id=steward,fd=${stewardDescriptor}`],
    ...['-device', 'virtserialport,bus=ports.0,chardev=steward,name=powercut.steward'],
    ...(messagesFile === undefined
      ? []
      : [
          ...['-chardev', `file,id=messages,append=on,path=${escaped(messagesFile)}`],
          ...['-device', 'virtserialport,bus=ports.0,chardev=messages,name=powercut.messages'],
        ]),
  ];
}

function driveArguments(drive: GuestDrive): readonly string[] {
  const { logicalBlockBytes = 512 } = drive;
  const node = `drive-${drive.name}`;
  const device = [
    // With one queue, flushes are answered in the order in which they were submitted.
    ...(attachmentOf(drive) === 'nvme' ? ['nvme'] : ['virtio-blk-pci', 'num-queues=1']),
    `drive=${node}`,
    `serial=${serialOf(drive)}`,
    `logical_block_size=${logicalBlockBytes}`,
    `physical_block_size=${logicalBlockBytes}`,
    // The drive says that it has a volatile cache, whatever the host does about it.
    'write-cache=on',
  ];
  return ['-blockdev', JSON.stringify(blockNode(drive, node)), '-device', device.join(',')];
}

function blockNode(drive: GuestDrive, name: string): unknown {
  // A server is told of discards, and decides; what a file makes of them depends on where it lies.
  const common = {
    cache: cacheOptions[drive.cache],
    discard: drive.source.kind === 'nbd' ? 'unmap' : 'ignore',
  };
  const medium = { ...storageNode(drive), ...common };
  if (drive.writeLogFile === undefined) {
    return { driver: 'raw', 'node-name': name, file: medium, ...common };
  }
  return {
    driver: 'blklogwrites',
    'node-name': name,
    file: medium,
    log: { driver: 'file', filename: drive.writeLogFile },
    'log-sector-size': drive.logicalBlockBytes ?? 512,
    // After a kill the log says how far it goes (CRASH-MODEL 4.5).
    'log-super-update-interval': 1,
  };
}

const cacheOptions: Readonly<Record<DriveCache, unknown>> = {
  writeback: { direct: false, 'no-flush': false },
  none: { direct: true, 'no-flush': false },
  unsafe: { direct: false, 'no-flush': true },
};

function storageNode({ source }: GuestDrive): Readonly<Record<string, unknown>> {
  if (source.kind === 'file') return { driver: 'file', filename: source.path };
  return {
    driver: 'nbd',
    server: { type: 'unix', path: source.socket },
    export: source.exportName,
  };
}

/** A comma ends an option of QEMU, and two stand for one. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
