/**
 * Which modules of a kernel package go into the guest, in which order they load, and the tables that
 * modprobe reads. The package itself has no tables: depmod makes them when it is installed, and it
 * never is. What a module needs stands in its own `.modinfo` section (depends, softdep, alias).
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findSection } from './elf.ts';

export interface KernelModule {
  /** As the kernel knows it: with `_` for `-`. */
  readonly name: string;
  /** Path of the file below the folder of modules. */
  readonly file: string;
  readonly depends: readonly string[];
  /** Names or aliases of what should be there first, if it exists. */
  readonly softDepends: readonly string[];
  readonly aliases: readonly string[];
}

/** Modules of a kernel, found by name. */
export interface ModuleSource {
  /** Undefined where there is no such module. */
  find(name: string): KernelModule | undefined;
  isBuiltIn(name: string): boolean;
}

/** The names in a file name and in `depends` differ in dashes and underscores. */
export function moduleName(text: string): string {
  return path.posix
    .basename(text)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}

/** Reads a folder such as /lib/modules/6.1.0-56-amd64, each module when it is asked for. */
export function readModuleFolder(folder: string): ModuleSource {
  const files = new Map(moduleFiles(folder).map((file) => [moduleName(file), file]));
  const builtIn = new Set(readLines(path.join(folder, 'modules.builtin')).map(moduleName));
  return {
    find: (name) => {
      const file = files.get(moduleName(name));
      if (file === undefined) return undefined;
      return describeModule(file, fs.readFileSync(path.join(folder, file)));
    },
    isBuiltIn: (name) => builtIn.has(moduleName(name)),
  };
}

function moduleFiles(folder: string): readonly string[] {
  return fs
    .readdirSync(path.join(folder, 'kernel'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ko'))
    .map((file) => path.posix.join('kernel', file))
    .sort();
}

function readLines(file: string): readonly string[] {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
}

/** Zero-terminated `key=value` texts; a key may come several times. */
export function describeModule(file: string, content: Buffer): KernelModule {
  const texts = findSection(content, '.modinfo')?.toString('latin1').split('\0') ?? [];
  const valuesOf = (key: string): readonly string[] =>
    texts.filter((text) => text.startsWith(`${key}=`)).map((text) => text.slice(key.length + 1));
  return {
    name: moduleName(file),
    file,
    depends: valuesOf('depends').flatMap((list) => list.split(',').filter(Boolean)),
    softDepends: valuesOf('softdep').flatMap(softDependencies),
    aliases: valuesOf('alias'),
  };
}

/** `pre: a b post: c`: what comes after `post:` is no business of ours. */
function softDependencies(text: string): readonly string[] {
  const before = /pre:([^:]*)(?:post:|$)/.exec(text)?.[1] ?? '';
  return before.split(/\s+/).filter(Boolean);
}

export interface ModuleChoice {
  /** Each after everything it depends on. */
  readonly modules: readonly KernelModule[];
  /** Asked for, and neither a module nor built in. */
  readonly missing: readonly string[];
}

/** The modules that were asked for, and what they depend on. */
export function chooseModules(source: ModuleSource, wanted: readonly string[]): ModuleChoice {
  const chosen = new Map<string, KernelModule>();
  const missing: string[] = [];
  const visited = new Set<string>();
  const visit = (name: string): void => {
    if (visited.has(moduleName(name))) return;
    visited.add(moduleName(name));
    const found = source.find(name);
    if (found === undefined) {
      if (!source.isBuiltIn(name)) missing.push(name);
      return;
    }
    found.depends.forEach(visit);
    chosen.set(found.name, found);
  };
  wanted.forEach(visit);
  return { modules: [...chosen.values()], missing };
}

/** `modules.dep` as modprobe reads it: a module and all that must be loaded for it, the last one first. */
export function dependencyTable(modules: readonly KernelModule[]): string {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const lines = modules.map((module) => {
    const needed = new Set<KernelModule>();
    collectNeeded(module, byName, needed);
    needed.delete(module);
    return `${module.file}: ${[...needed]
      .reverse()
      .map(({ file }) => file)
      .join(' ')}`.trimEnd();
  });
  return lines.map((line) => `${line}\n`).join('');
}

function collectNeeded(
  module: KernelModule,
  byName: ReadonlyMap<string, KernelModule>,
  needed: Set<KernelModule>,
): void {
  const soft = module.softDepends.flatMap((name) => providerOf(name, byName) ?? []);
  const hard = module.depends.flatMap((name) => byName.get(moduleName(name)) ?? []);
  for (const other of [...soft, ...hard]) {
    if (needed.has(other) || other === module) continue;
    collectNeeded(other, byName, needed);
    needed.add(other);
  }
}

/**
 * The portable provider of an algorithm: one for special processors fails to load on others, and what
 * fails to load takes the module that depends on it along.
 */
function providerOf(
  name: string,
  byName: ReadonlyMap<string, KernelModule>,
): KernelModule | undefined {
  const named = byName.get(moduleName(name));
  if (named !== undefined) return named;
  const providers = [...byName.values()].filter(({ aliases }) => aliases.includes(name));
  return providers.find((provider) => provider.name.endsWith('_generic'));
}

/** `modules.alias` as modprobe reads it. */
export function aliasTable(modules: readonly KernelModule[]): string {
  return modules
    .flatMap(({ name, aliases }) => aliases.map((alias) => `alias ${alias} ${name}\n`))
    .join('');
}
