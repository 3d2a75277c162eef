import { HarnessError, type ReporterModule } from '../contract/index.ts';
import { loadPlugin, type ConfiguredPlugin } from './load-plugin.ts';
import { fieldNames } from './schema-problems.ts';

/** What the command line can tell a reporter that has an option of that name. */
export interface ReporterFacts {
  /** The run directory as the user should see it. */
  readonly directory: string;
  readonly progress: boolean;
  /** Files of the run directory that a reader may want to open. */
  readonly files: readonly string[];
}

/** What the built-in reporters write, so that each can name the others' files. */
const filesOf: Readonly<Record<string, readonly string[]>> = {
  html: ['report.html'],
  csv: ['results.csv', 'failures.csv', 'coverage.csv', 'facts.csv'],
  json: ['report.json'],
};

/** Loads reporters by name, path or package, each once, in the order given. */
export async function loadReporters(
  names: readonly string[],
  workingDirectory: string,
  facts: Omit<ReporterFacts, 'files'>,
): Promise<readonly ConfiguredPlugin<ReporterModule>[]> {
  const files = [...names.flatMap((name) => filesOf[name] ?? []), 'run.json', 'events.jsonl'];
  return Promise.all(
    [...new Set(names)].map(async (name) => {
      const loaded = await loadPlugin('reporter', name, workingDirectory);
      return { ...loaded, options: reporterOptions(loaded.plugin, { ...facts, files }) };
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
