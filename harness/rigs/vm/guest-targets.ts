import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HarnessError } from '../../contract/index.ts';
import type { DriveDescription } from './describe-drive.ts';
import type { Guest } from './guest.ts';
import { serialOf } from './qemu-arguments.ts';

/** A drive of a guest, described for the host. The node is one of the guest. */
export type GuestTarget = DriveDescription & {
  /** It goes through the guard in the guest like any disk that the user names. */
  readonly isOwn: false;
};

const runsSource = import.meta.url.endsWith('.ts');

/** How a module of this program is started, here or in a guest, which has the same files. */
export function moduleCommand(module: URL): readonly string[] {
  const loader = runsSource
    ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
    : [];
  return [process.execPath, ...loader, fileURLToPath(module)];
}

/** The name under which the guard of the guest admits a drive. */
export function guestNodeOf(driveName: string): string {
  return `/dev/disk/by-id/${serialOf({ name: driveName })}`;
}

/** Throws DEVICE_REFUSED where the guard of the guest refuses one of the drives. */
export async function describeTargets(
  guest: Pick<Guest, 'exec'>,
  driveNames: readonly string[],
): Promise<readonly GuestTarget[]> {
  const entry = new URL(`./describe-drive.${runsSource ? 'ts' : 'js'}`, import.meta.url);
  const { code, stdout, stderr } = await guest.exec([
    ...moduleCommand(entry),
    ...driveNames.map(guestNodeOf),
  ]);
  if (code !== 0) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `the guest cannot use ${driveNames.join(', ')}: ${stderr.trim().slice(-1000)}`,
    );
  }
  const lines = stdout.trim().split('\n');
  return lines.map((line) => ({
    ...(JSON.parse(line) as DriveDescription),
    isOwn: false,
  }));
}
