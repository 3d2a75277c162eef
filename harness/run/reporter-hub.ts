import type { Reporter, ReporterModule, RunEvent, RunSummary } from '../contract/index.ts';
import type { RunDirectory } from './run-directory.ts';

export interface ConfiguredReporter {
  readonly plugin: ReporterModule;
  readonly options: unknown;
}

export interface Terminal {
  print(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

/**
 * Hands events to the reporters and keeps them from one another: one that throws is out for the rest
 * of the run, and the run says so, but no other report and no verdict suffers from it.
 */
export class ReporterHub {
  readonly problems: string[] = [];
  #reporters: { readonly name: string; readonly reporter: Reporter }[] = [];

  constructor(
    reporters: readonly ConfiguredReporter[],
    directory: Pick<RunDirectory, 'writeFile'>,
    terminal: Terminal,
  ) {
    const output = {
      ...terminal,
      print: (text: string) => {
        terminal.print(text);
      },
      writeFile: async (name: string, content: string) => directory.writeFile(name, content),
    };
    for (const { plugin, options } of reporters) {
      this.#guard(plugin.name, () => {
        this.#reporters.push({ name: plugin.name, reporter: plugin.create(options, output) });
      });
    }
  }

  onEvent(event: RunEvent): void {
    for (const { name, reporter } of this.#reporters) {
      this.#guard(name, () => {
        reporter.onEvent(event);
      });
    }
  }

  /** The one named first, which is what people look at, has the last word: it knows which others failed. */
  async onEnd(summary: RunSummary): Promise<void> {
    for (const { name, reporter } of [...this.#reporters].reverse()) {
      try {
        await reporter.onEnd(withReporterProblems(summary, this.problems));
      } catch (error) {
        this.#drop(name, error);
      }
    }
  }

  #guard(name: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#drop(name, error);
    }
  }

  #drop(name: string, error: unknown): void {
    this.problems.push(`reporter ${name} failed: ${String(error)}`);
    this.#reporters = this.#reporters.filter((entry) => entry.name !== name);
  }
}

/**
 * A report that could not be written makes a pass inconclusive. Nothing that is worse is covered up,
 * and an interrupted run still exits as one.
 */
export function withReporterProblems(summary: RunSummary, problems: readonly string[]): RunSummary {
  const { verdict, exitCode } = summary;
  if (problems.length === 0) return summary;
  const reason = [...new Set([verdict.reason, ...problems])].join('; ');
  const isWorse = verdict.status === 'fail' || verdict.status === 'error';
  const status = isWorse ? verdict.status : 'inconclusive';
  return { ...summary, verdict: { status, reason }, exitCode: exitCode === 0 ? 4 : exitCode };
}
