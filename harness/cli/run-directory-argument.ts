import * as fs from 'node:fs';
import { HarnessError } from '../contract/index.ts';
import { resolvePath, type CommandContext } from './command-context.ts';

/** The run directory that a command was given. What is in it is for the harness to judge. */
export function existingRunDirectory(context: CommandContext, name: string): string {
  const directory = resolvePath(context, name);
  if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  throw new HarnessError(
    'CONFIG_INVALID',
    `run directory "${name}" does not exist, expected one that powercut run has made`,
  );
}
