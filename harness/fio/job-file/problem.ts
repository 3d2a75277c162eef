import { HarnessError } from '../../contract/index.ts';

/** A place in a job file. The command line counts as a file, its arguments as lines. */
export interface Place {
  readonly file: string;
  /** From 1; 0 where no line can be named. */
  readonly line: number;
}

/** What is wrong with a job file, or what of it will not have the effect that its author may expect. */
export interface FioProblem extends Place {
  readonly severity: 'error' | 'warning';
  /** As it stands in the file; absent where no single option is to blame. */
  readonly option?: string;
  /** What is wrong, with the value that was found. */
  readonly message: string;
  /** What to write instead. */
  readonly fix: string;
}

/** Thrown by the reader of a single value; whoever knows the line makes a problem of it. */
export class ValueProblem extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

/** Collects problems; the same one twice (a `[global]` line, seen by every job) counts once. */
export class ProblemList {
  readonly #problems = new Map<string, FioProblem>();

  add(problem: FioProblem): void {
    const key = [problem.file, problem.line, problem.option ?? '', problem.message].join('\n');
    if (!this.#problems.has(key)) this.#problems.set(key, problem);
  }

  error(place: Place, message: string, fix: string, option?: string): void {
    const named = option === undefined ? {} : { option };
    this.add({ severity: 'error', file: place.file, line: place.line, ...named, message, fix });
  }

  warning(place: Place, message: string, fix: string, option?: string): void {
    const named = option === undefined ? {} : { option };
    this.add({ severity: 'warning', file: place.file, line: place.line, ...named, message, fix });
  }

  get all(): readonly FioProblem[] {
    return [...this.#problems.values()];
  }

  get hasErrors(): boolean {
    return this.all.some(({ severity }) => severity === 'error');
  }
}

/** `job.fio:3: bs: "4q" is no number of bytes; write 4096, 4k or 1m`. */
export function problemLine({ file, line, option, message, fix }: FioProblem): string {
  const place = line > 0 ? `${file}:${line}` : file;
  return `${place}: ${option === undefined ? '' : `${option}: `}${message}; ${fix}`;
}

/** Throws CONFIG_INVALID with every error, one to a line, where there is any. */
export function refuseErrors(problems: readonly FioProblem[]): void {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    throw new HarnessError('CONFIG_INVALID', errors.map(problemLine).join('\n'));
  }
}
