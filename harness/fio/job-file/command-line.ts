import type { Section } from './lines.ts';
import { ProblemList } from './problem.ts';
import {
  commandLineName,
  optionOfArgument,
  readSections,
  type JobFile,
  type ReadingContext,
} from './read-job-file.ts';

/**
 * Reads jobs that are written on the command line, as fio takes them: `--name=NAME` begins a job, and
 * what stands before the first one, or under `--name=global`, holds for all.
 */
export function readCommandLine(commandLine: readonly string[], context: ReadingContext): JobFile {
  const sections: { name: string; file: string; line: number; options: Section['options'] }[] = [
    { name: 'global', file: commandLineName, line: 0, options: [] },
  ];
  for (const [index, argument] of commandLine.entries()) {
    const option = optionOfArgument(argument, index + 1);
    if (option.name === 'name') {
      const place = { file: commandLineName, line: index + 1 };
      sections.push({ name: option.value ?? '', ...place, options: [] });
    } else {
      const section = sections.at(-1)!;
      section.options = [...section.options, option];
    }
  }
  return readSections(sections, commandLineName, context, new ProblemList());
}
