import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarnessError } from '../../contract/index.ts';
import { quote } from './guest-init.ts';
import { startHeld, type HeldProcess } from './held-process.ts';
import type { VmResources } from './vm-resources.ts';

/** A folder of the host that a guest can mount. */
export interface SharedFolder {
  readonly tag: string;
  readonly folder: string;
  /** Where QEMU reaches the server. */
  readonly socket: string;
  readonly isWritable: boolean;
}

/** QEMU's own, up to 7.2, and the one in Rust that replaced it take different options. */
export type ServerKind = 'qemu' | 'rust';

export interface ShareServer {
  readonly program: string;
  readonly kind: ServerKind;
}

const knownServers: readonly ShareServer[] = [
  { program: '/usr/libexec/virtiofsd', kind: 'rust' },
  { program: '/usr/lib/virtiofsd', kind: 'rust' },
  { program: '/usr/lib/qemu/virtiofsd', kind: 'qemu' },
];

export function findShareServer(): ShareServer | undefined {
  return knownServers.find(({ program }) => fs.existsSync(program));
}

/**
 * Serves a folder until the guest goes away. Throws UNAVAILABLE where the server does not come up; it
 * needs root.
 */
export async function shareFolder(
  server: ShareServer,
  share: SharedFolder,
  resources: VmResources,
): Promise<HeldProcess> {
  const script = shareScript(server, share);
  const held = startHeld(
    ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', script],
    resources,
  );
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  held.ended.then(end, end);
  for (let waitedMs = 0; !fs.existsSync(share.socket); waitedMs += 5) {
    if (over.signal.aborted || waitedMs > serverWithinMs) {
      held.child.kill('SIGKILL');
      throw new HarnessError(
        'UNAVAILABLE',
        `${server.program} does not serve ${share.folder} (${held.errors() || 'it says nothing'}): it needs root and mount namespaces`,
      );
    }
    await sleep(5);
  }
  return held;
}

const serverWithinMs = 10_000;

/**
 * The server sees the machine through mounts of its own. There the folder is read-only where it is to
 * be, so that no mistake in the guest can change the host; and QEMU's server leaves its lock file in
 * a folder that goes away with it.
 */
export function shareScript(server: ShareServer, share: SharedFolder): string {
  const lockFolder = '/run/virtiofsd';
  const socketFolder = quote(path.dirname(share.socket));
  const lines = [
    'set -e',
    ...(server.kind === 'qemu'
      ? [`mkdir -p ${lockFolder}`, `mount -t tmpfs -o mode=700 powercut ${lockFolder}`]
      : []),
    // The one place that stays writable: the server makes its socket there.
    `mount --bind ${socketFolder} ${socketFolder}`,
    ...(share.isWritable ? [] : [readOnlyScript(share.socket, lockFolder)]),
    `exec ${[server.program, ...serverArguments(server.kind, share)].map(quote).join(' ')}`,
  ];
  return lines.join('\n');
}

/** Every mount of this namespace but the two; those that cannot be changed (of the kernel) are left. */
function readOnlyScript(socket: string, lockFolder: string): string {
  return [
    "cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do",
    `  case "$place" in ${quote(path.dirname(socket))} | ${lockFolder}) continue ;; esac`,
    '  mount -o remount,bind,ro "$(printf "%b" "$place")" 2>/dev/null || true',
    'done',
  ].join('\n');
}

/** `announce_submounts` stays off: an overlay refuses folders that are mounted on demand. */
export function serverArguments(kind: ServerKind, share: SharedFolder): readonly string[] {
  const { folder, socket, isWritable } = share;
  // What the guest only reads does not change while it runs.
  const cache = isWritable ? 'auto' : 'always';
  if (kind === 'rust') {
    return [
      `--socket-path=${socket}`,
      `--shared-dir=${folder}`,
      '--sandbox=chroot',
      `--cache=${cache}`,
      '--log-level=error',
    ];
  }
  const options = [`source=${folder}`, 'sandbox=chroot', `cache=${cache}`, 'log_level=err'];
  return [`--socket-path=${socket}`, ...options.flatMap((option) => ['-o', option])];
}
