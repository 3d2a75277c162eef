import { execa } from 'execa';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { HarnessError } from '../../contract/index.ts';
import { isStaticProgram } from './elf.ts';
import { chooseModules, readModuleFolder } from './kernel-modules.ts';
import { bootModules } from './guest-modules.ts';

/** What a guest is built from, unpacked. */
export interface KernelFiles {
  /** As `uname -r` says it. */
  readonly release: string;
  readonly kernelFile: string;
  /** The folder with modules.builtin and kernel/. */
  readonly modulesFolder: string;
  /** Where it is from, for people. */
  readonly origin: string;
}

/** The package that depends on the newest kernel. The cloud kernel is smaller, but has no F2FS and no NILFS2. */
export const kernelPackage = 'linux-image-amd64';

/** Debian kernels that are installed on this machine, the newest first, as far as a guest can boot from them. */
export function installedKernels(root = '/'): readonly KernelFiles[] {
  const folder = path.join(root, 'boot');
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => kernelFilesIn(root, name.slice('vmlinuz-'.length), 'installed'))
    .filter((files) => canBootFrom(files))
    .sort((a, b) => compareReleases(b.release, a.release));
}

function compareReleases(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function canBootFrom({ modulesFolder }: KernelFiles): boolean {
  if (!fs.existsSync(path.join(modulesFolder, 'kernel'))) return false;
  return chooseModules(readModuleFolder(modulesFolder), bootModules).missing.length === 0;
}

/** Merged or not, an unpacked package has its modules in lib or in usr/lib. */
function kernelFilesIn(root: string, release: string, origin: string): KernelFiles {
  const folders = ['lib/modules', 'usr/lib/modules'].map((name) => path.join(root, name, release));
  return {
    release,
    kernelFile: path.join(root, 'boot', `vmlinuz-${release}`),
    modulesFolder: folders.find((folder) => fs.existsSync(folder)) ?? folders[0]!,
    origin,
  };
}

/**
 * Downloads the newest kernel package into `folder` and unpacks it there; nothing is installed.
 * Throws UNAVAILABLE where that cannot be done, with what to do.
 */
export async function downloadKernel(
  folder: string,
  onProgress: (text: string) => void,
): Promise<KernelFiles> {
  const name = await packageOfNewestKernel();
  onProgress(`downloading ${name}`);
  const archive = await downloadPackage(name, folder);
  onProgress(`unpacking ${path.basename(archive)}`);
  await unpackPackage(archive, folder, [
    './boot/vmlinuz-*',
    './lib/modules/*',
    './usr/lib/modules/*',
  ]);
  fs.rmSync(archive);
  const kernel = fs
    .readdirSync(path.join(folder, 'boot'))
    .find((file) => file.startsWith('vmlinuz-'));
  if (kernel === undefined) {
    throw new HarnessError('UNAVAILABLE', `${path.basename(archive)} holds no boot/vmlinuz-*`);
  }
  const files = kernelFilesIn(folder, kernel.slice('vmlinuz-'.length), path.basename(archive));
  await decompressModules(files.modulesFolder);
  return files;
}

/** A program that runs alone in the initramfs: this machine's, or the package's. */
export async function findBusybox(
  folder: string,
  onProgress: (text: string) => void,
): Promise<Buffer> {
  for (const file of ['/bin/busybox', '/usr/bin/busybox']) {
    const content = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    if (content !== undefined && isStaticProgram(content)) return content;
  }
  onProgress('downloading busybox-static');
  const archive = await downloadPackage('busybox-static', folder);
  await unpackPackage(archive, folder, ['./bin/busybox', './usr/bin/busybox']);
  const found = ['bin/busybox', 'usr/bin/busybox']
    .map((file) => path.join(folder, file))
    .find((file) => fs.existsSync(file));
  if (found === undefined) throw new HarnessError('UNAVAILABLE', `${archive} holds no busybox`);
  return fs.readFileSync(found);
}

/** The package whose name has the release in it; the one without only depends on it. */
async function packageOfNewestKernel(): Promise<string> {
  const { stdout } = await runApt('apt-cache', ['depends', kernelPackage], '.');
  const name = /^\s*Depends: (linux-image-\d\S*)/m.exec(stdout)?.[1];
  if (name !== undefined) return name;
  throw new HarnessError(
    'UNAVAILABLE',
    `apt knows no kernel package (apt-cache depends ${kernelPackage} names none): run apt-get update`,
  );
}

async function downloadPackage(name: string, folder: string): Promise<string> {
  await runApt('apt-get', ['download', '--quiet', name], folder);
  const file = fs.readdirSync(folder).find((entry) => entry.startsWith(`${name}_`));
  if (file !== undefined) return path.join(folder, file);
  throw new HarnessError('UNAVAILABLE', `apt-get download ${name} left no file in ${folder}`);
}

const downloadWithinMs = 10 * 60_000;

async function runApt(
  program: string,
  args: readonly string[],
  folder: string,
): Promise<{ stdout: string }> {
  const answer = await execa(program, args, {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    timeout: downloadWithinMs,
    env: { LC_ALL: 'C' },
  });
  if (answer.exitCode === 0) return { stdout: answer.stdout };
  const command = `${program} ${args.join(' ')}`;
  if (answer.code === 'ENOENT') {
    throw new HarnessError(
      'UNAVAILABLE',
      `there is no ${program} to get a kernel for the guest with: use Debian or Ubuntu, or install a Debian kernel so that /boot/vmlinuz-* and /lib/modules/* are there`,
    );
  }
  const reason = answer.timedOut ? 'no answer in time' : firstError(answer.stderr);
  throw new HarnessError(
    'UNAVAILABLE',
    `${command} failed (${reason}): run apt-get update, and look whether the package mirror can be reached`,
  );
}

function firstError(text: string): string {
  const lines = text.split('\n').filter(Boolean);
  return (lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? 'no reason given').trim();
}

/** Unpacks the files of a package that match the patterns, and only these: the whole of it is 400 MB. */
async function unpackPackage(
  archive: string,
  folder: string,
  patterns: readonly string[],
): Promise<void> {
  const name = path.basename(archive);
  const options = { reject: false, buffer: false, env: { LC_ALL: 'C' } } as const;
  const unpacked = execa('dpkg-deb', ['--fsys-tarfile', archive], { ...options, stderr: 'ignore' });
  const written = unpacked.pipe('tar', ['-x', '-C', folder, '--wildcards', ...patterns], {
    ...options,
    stderr: 'ignore',
  });
  const { exitCode, code } = await unpacked;
  // A pattern without a match is an error to tar, and which of the two places a package uses differs.
  const { code: tarCode } = await written;
  if (exitCode === 0 && tarCode === undefined) return;
  const reason = code ?? tarCode ?? `dpkg-deb ended with ${String(exitCode)}`;
  throw new HarnessError(
    'UNAVAILABLE',
    `${name} cannot be unpacked (${reason}): install dpkg and tar, and look whether ${folder} has space`,
  );
}

/** Later Debian kernels have their modules compressed, which insmod of busybox need not understand. */
async function decompressModules(folder: string): Promise<void> {
  const compressed = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ko.xz'))
    .map((file) => path.join(folder, file));
  if (compressed.length === 0) return;
  try {
    await execa('xargs', ['-0', 'xz', '--decompress'], { input: compressed.join('\0') });
  } catch (error) {
    throw new HarnessError(
      'UNAVAILABLE',
      `the kernel's modules cannot be decompressed (${String(error)}): install xz-utils`,
      { cause: error },
    );
  }
}
