import { HarnessError, type ReporterModule } from '../contract/index.ts';
import { loadPlugin, type ConfiguredPlugin } from './load-plugin.ts';
import { fieldNames } from './schema-problems.ts';

/** What the command line can tell a reporter that has an option of that name. */
export interface ReporterFacts {
  /** The run directory as the user should see it. */
  readonly directory: string;
  readonly progress: boolean;
}

/** Loads reporters by name, path or package, each once, in the order given. */
export async function loadReporters(
  names: readonly string[],
  workingDirectory: string,
  facts: ReporterFacts,
): Promise<readonly ConfiguredPlugin<ReporterModule>[]> {
  return Promise.all(
    [...new Set(names)].map(async (name) => {
      const loaded = await loadPlugin('reporter', name, workingDirectory);
      return { ...loaded, options: reporterOptions(loaded.plugin, facts) };
    }),
  );
}

function reporterOptions({ name, options }: ReporterModule, facts: ReporterFacts): unknown {
  const wanted = fieldNames(options, []);
  const known = Object.entries(facts).filter(([field]) => wanted.includes(field));
  try {
    return options.parse(Object.fromEntries(known));
  } catch (error) {
    throw new HarnessError('PLUGIN_INVALID', `reporter "${name}" does not take its own defaults`, {
      cause: error,
    });
  }
}
