import { readFile } from 'node:fs/promises';

export interface MountEntry {
  /** `major:minor` of the file system; its own for Btrfs and tmpfs, not that of a disk. */
  readonly deviceNumber: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly source: string;
  /** Options of the mount and of the file system behind it. */
  readonly options: string;
}

/** What is mounted, as this process sees it (proc_pid_mountinfo(5)), oldest mount first. */
export async function readMountTable(): Promise<readonly MountEntry[]> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function parseMountTable(text: string): readonly MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function parseLine(line: string): MountEntry {
  const [before = '', after = ''] = line.split(' - ');
  const fields = before.split(' ');
  const [fileSystem = '', source = '', superOptions = ''] = after.split(' ');
  return {
    deviceNumber: fields[2] ?? '',
    mountPoint: unescapeOctal(fields[4] ?? ''),
    fileSystem,
    source: unescapeOctal(source),
    options: [fields[5] ?? '', superOptions].filter((part) => part !== '').join(','),
  };
}

/** The kernel writes spaces, tabs, line feeds and backslashes as `\040` and the like. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The mount that a file lies on. `realPath` must be free of symbolic links. */
export function mountOf(table: readonly MountEntry[], realPath: string): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const entry of table) {
    const prefix = entry.mountPoint.endsWith('/') ? entry.mountPoint : `${entry.mountPoint}/`;
    const covers = realPath === entry.mountPoint || realPath.startsWith(prefix);
    // Of two mounts at one place, the later one is on top.
    if (covers && entry.mountPoint.length >= (best?.mountPoint.length ?? 0)) best = entry;
  }
  return best;
}
