import type { RunEvent } from './events.ts';
import type { OptionSchema, Plugin } from './plugin.ts';
import type { RunSummary } from './results.ts';

export interface ReporterModule<Options = unknown> extends Plugin<'reporter'> {
  readonly options: OptionSchema<Options>;
  create(options: Options, output: ReporterOutput): Reporter;
}

/** Where a reporter may write: files of the run directory, and the terminal's streams. */
export interface ReporterOutput {
  /** Writes a file of the run directory, whole or not at all; answers its path. */
  writeFile(name: string, content: string): Promise<string>;
  /** Writes to standard output. */
  print(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** Reporters observe. They cannot change a verdict; one that throws makes the run exit with 4. */
export interface Reporter {
  onEvent(event: RunEvent): void;
  onEnd(summary: RunSummary): Promise<void>;
}
