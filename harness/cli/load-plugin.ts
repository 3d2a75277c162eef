import { HarnessError, type PluginKind } from '../contract/index.ts';
import { locatePlugin } from './plugin-location.ts';
import { shapeProblems, type PluginOfKind } from './plugin-shape.ts';
import { builtInNames, builtInUrl } from './registry.ts';

export interface LoadedPlugin<P> {
  readonly plugin: P;
  /** Worker threads load the plug-in again by it. */
  readonly url: string;
}

export interface ConfiguredPlugin<P> extends LoadedPlugin<P> {
  /** As the plug-in's own schema returned them: complete, with defaults. */
  readonly options: unknown;
}

/**
 * Loads a plug-in by built-in name, path or package. Throws HarnessError PLUGIN_NOT_FOUND where
 * there is none, PLUGIN_INVALID where the module is no plug-in of that kind and API version.
 */
export async function loadPlugin<K extends PluginKind>(
  kind: K,
  use: string,
  directory: string,
): Promise<LoadedPlugin<PluginOfKind[K]>> {
  const { href: url } = locatePlugin(kind, use, directory);
  const plugin = await importPlugin(kind, url);
  if (builtInUrl(kind, use) !== undefined && plugin.name !== use) {
    throw new HarnessError(
      'PLUGIN_INVALID',
      `built-in ${kind} "${use}" calls itself "${plugin.name}", expected the name of the registry`,
    );
  }
  return { plugin, url };
}

/** Imports a plug-in by its module URL and checks what it is. */
export async function importPlugin<K extends PluginKind>(
  kind: K,
  url: string,
): Promise<PluginOfKind[K]> {
  const exported = await importDefault(kind, url);
  const problems = shapeProblems(kind, exported);
  if (problems.length > 0) {
    throw new HarnessError('PLUGIN_INVALID', `${kind} ${url}: ${problems.join('; ')}`);
  }
  return exported as PluginOfKind[K];
}

async function importDefault(kind: PluginKind, url: string): Promise<unknown> {
  try {
    const module = (await import(url)) as { readonly default?: unknown };
    return module.default;
  } catch (error) {
    throw new HarnessError(
      'PLUGIN_INVALID',
      `${kind} ${url} cannot be loaded: ${loadFailure(error)}`,
      { cause: error },
    );
  }
}

function loadFailure(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `Node ${process.versions.node} does not run this kind of file; build it to .js first`;
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * The built-in workloads that run on any engine of blocks by their name alone: those of files are for
 * file systems, and `fio` has to be given a job.
 */
export async function blockWorkloadNames(): Promise<readonly string[]> {
  const names = builtInNames('workload').filter((name) => name !== 'fio');
  const loaded = await Promise.all(
    names.map((name) => loadPlugin('workload', name, import.meta.dirname)),
  );
  return names.filter((_, index) => !('medium' in loaded[index]!.plugin));
}
