import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { HarnessError } from '../../contract/index.ts';
import { encodeArchive, withFolders, type ArchiveEntry } from './cpio.ts';
import { initScript, moduleScript, startScript } from './guest-init.ts';
import { bootModules, optionalModules } from './guest-modules.ts';
import {
  aliasTable,
  chooseModules,
  dependencyTable,
  readModuleFolder,
  type KernelModule,
} from './kernel-modules.ts';
import {
  downloadKernel,
  findBusybox,
  installedKernels,
  type KernelFiles,
} from './kernel-source.ts';
import type { VmResources } from './vm-resources.ts';

/** A kernel and what it starts with, on this machine's disk, complete and checked. */
export interface GuestImage {
  readonly folder: string;
  /** As `uname -r` says it in the guest. */
  readonly release: string;
  readonly kernelFile: string;
  readonly initramfsFile: string;
  readonly modulesFolder: string;
  /** Wanted, and not in this kernel. */
  readonly missingModules: readonly string[];
  /** Where the kernel is from, for people. */
  readonly origin: string;
  readonly byteCount: number;
}

export interface PrepareOptions {
  readonly resources: Pick<VmResources, 'makeDirectory'>;
  /** Undefined takes `guestCacheFolder()`. */
  readonly cacheFolder?: string;
  /** A kernel that is already unpacked. Undefined looks in the cache, on the machine, then asks apt. */
  readonly kernel?: KernelFiles;
}

export function guestCacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  const isUsable = base !== undefined && path.isAbsolute(base);
  return path.join(isUsable ? base : path.join(os.homedir(), '.cache'), 'powercut');
}

/**
 * Answers a guest that can be booted: one from the cache, which needs no network, or a new one. Throws
 * UNAVAILABLE where there is none and none can be made, with the reason and what to do.
 */
export async function prepareGuest(
  options: PrepareOptions,
  onProgress: (text: string) => void = () => undefined,
): Promise<GuestImage> {
  assertProcessor();
  const cacheFolder = options.cacheFolder ?? guestCacheFolder();
  const wanted = options.kernel?.release;
  const cached = findCachedGuest(cacheFolder, wanted);
  if (cached !== undefined) return cached;
  const staging = options.resources.makeDirectory('guest');
  const kernel =
    options.kernel ?? installedKernels()[0] ?? (await downloadKernel(staging, onProgress));
  onProgress(`building a guest with Linux ${kernel.release}`);
  const files = buildGuest(kernel, await findBusybox(staging, onProgress));
  const name = storeGuest(cacheFolder, files);
  fs.rmSync(staging, { recursive: true, force: true });
  return loadGuest(path.join(cacheFolder, name));
}

/** The newest cached guest of this builder; undefined where there is none that is whole. */
export function findCachedGuest(cacheFolder: string, release?: string): GuestImage | undefined {
  if (!fs.existsSync(cacheFolder)) return undefined;
  const names = fs.readdirSync(cacheFolder).filter((name) => name.startsWith(guestPrefix()));
  for (const name of names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))) {
    const guest = loadWholeGuest(path.join(cacheFolder, name));
    if (guest !== undefined && (release === undefined || guest.release === release)) return guest;
  }
  return undefined;
}

/** Undefined where something is missing or is not what was written. */
function loadWholeGuest(folder: string): GuestImage | undefined {
  try {
    return loadGuest(folder);
  } catch (error) {
    if (error instanceof HarnessError) return undefined;
    throw error;
  }
}

function assertProcessor(): void {
  if (process.arch === 'x64') return;
  throw new HarnessError(
    'UNAVAILABLE',
    `rig vm has guests for x86-64 alone, and this machine is ${process.arch}`,
  );
}

interface GuestFiles {
  readonly kernel: KernelFiles;
  readonly content: ReadonlyMap<string, Uint8Array>;
  readonly missingModules: readonly string[];
}

function buildGuest(kernel: KernelFiles, busybox: Buffer): GuestFiles {
  const source = readModuleFolder(kernel.modulesFolder);
  const atBoot = chooseModules(source, bootModules);
  if (atBoot.missing.length > 0) {
    throw new HarnessError(
      'UNAVAILABLE',
      `Linux ${kernel.release} has no ${atBoot.missing.join(', ')}, which a guest needs to start`,
    );
  }
  const { modules, missing } = chooseModules(source, [...bootModules, ...optionalModules]);
  const contentOf = ({ file }: KernelModule): Buffer =>
    fs.readFileSync(path.join(kernel.modulesFolder, file));
  return {
    kernel,
    missingModules: missing,
    content: new Map<string, Uint8Array>([
      ['kernel', fs.readFileSync(kernel.kernelFile)],
      ['initramfs', encodeArchive(initramfsEntries(busybox, atBoot.modules, contentOf))],
      ['modules/modules.dep', Buffer.from(dependencyTable(modules))],
      ['modules/modules.alias', Buffer.from(aliasTable(modules))],
      ...modules.map((module) => [`modules/${module.file}`, contentOf(module)] as const),
    ]),
  };
}

/** Commands that the first script uses; the second calls them by busybox. */
const commands = [
  ...['sh', 'mount', 'mkdir', 'insmod', 'poweroff', 'uname', 'cp', 'ln', 'chmod', 'switch_root'],
];

function initramfsEntries(
  busybox: Uint8Array,
  modules: readonly KernelModule[],
  contentOf: (module: KernelModule) => Uint8Array,
): readonly ArchiveEntry[] {
  return withFolders([
    { kind: 'file', path: 'bin/busybox', content: busybox, isExecutable: true },
    ...commands.map((name) => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }) as const),
    { kind: 'file', path: 'init', content: Buffer.from(initScript), isExecutable: true },
    { kind: 'file', path: 'start.sh', content: Buffer.from(startScript) },
    { kind: 'file', path: 'modules/load.sh', content: Buffer.from(moduleScript(modules)) },
    ...modules.map(
      (module) =>
        ({ kind: 'file', path: `modules/${module.name}.ko`, content: contentOf(module) }) as const,
    ),
  ]);
}

/** Written last: a folder without it is no guest. */
const descriptionFile = 'guest.json';

const descriptionSchema = z.strictObject({
  release: z.string(),
  origin: z.string(),
  missingModules: z.array(z.string()),
  files: z.record(z.string(), z.strictObject({ byteCount: z.number(), sha256: z.string() })),
});

/** Guests of one builder; its digest covers what it would put into them. */
function guestPrefix(): string {
  const layout = 1;
  const recipe = [layout, initScript, startScript, bootModules, optionalModules, commands];
  const digest = sha256(Buffer.from(JSON.stringify(recipe))).slice(0, 12);
  return `guest-${digest}-`;
}

/** Answers the folder's name. It appears whole or not at all, also when two runs make it at once. */
function storeGuest(cacheFolder: string, { kernel, content, missingModules }: GuestFiles): string {
  const incoming = path.join(cacheFolder, `incoming-${randomUUID()}`);
  const name = `${guestPrefix()}${kernel.release}`;
  removeAbandoned(cacheFolder);
  try {
    const files = [...content].map(([file, bytes]) => {
      writeDurably(path.join(incoming, file), bytes);
      return [file, { byteCount: bytes.byteLength, sha256: sha256(bytes) }] as const;
    });
    const { release, origin } = kernel;
    const description = { release, origin, missingModules, files: Object.fromEntries(files) };
    writeDurably(path.join(incoming, descriptionFile), Buffer.from(JSON.stringify(description)));
    renameUnlessThere(incoming, path.join(cacheFolder, name));
    return name;
  } finally {
    fs.rmSync(incoming, { recursive: true, force: true });
  }
}

function writeDurably(file: string, content: Uint8Array): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content, { flush: true });
}

/** Another run may have been quicker, and what it made is as good; or what is there is damaged. */
function renameUnlessThere(from: string, to: string): void {
  if (loadWholeGuest(to) !== undefined) return;
  fs.rmSync(to, { recursive: true, force: true });
  try {
    fs.renameSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

const abandonedAfterMs = 60 * 60_000;

/** What a run was writing when it was killed. */
function removeAbandoned(cacheFolder: string): void {
  fs.mkdirSync(cacheFolder, { recursive: true });
  for (const name of fs.readdirSync(cacheFolder)) {
    const folder = path.join(cacheFolder, name);
    if (!name.startsWith('incoming-')) continue;
    const ageMs = Date.now() - fs.statSync(folder).mtimeMs;
    if (ageMs > abandonedAfterMs) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws EVIDENCE_DAMAGED where a file is missing or is not what was written. */
function loadGuest(folder: string): GuestImage {
  const description = readDescription(folder);
  let byteCount = 0;
  for (const [file, expected] of Object.entries(description.files)) {
    const target = path.join(folder, file);
    const content = fs.existsSync(target) ? fs.readFileSync(target) : undefined;
    if (content === undefined || sha256(content) !== expected.sha256) {
      throw new HarnessError('EVIDENCE_DAMAGED', `${target} is not what was put into the cache`);
    }
    byteCount += expected.byteCount;
  }
  const { release, origin, missingModules } = description;
  return {
    folder,
    release,
    origin,
    missingModules,
    byteCount,
    kernelFile: path.join(folder, 'kernel'),
    initramfsFile: path.join(folder, 'initramfs'),
    modulesFolder: path.join(folder, 'modules'),
  };
}

function readDescription(folder: string): z.infer<typeof descriptionSchema> {
  try {
    const text = fs.readFileSync(path.join(folder, descriptionFile), 'utf8');
    return descriptionSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new HarnessError('EVIDENCE_DAMAGED', `${folder} holds no whole guest`, { cause: error });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
