import { execa } from 'execa';

export interface ToolAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The folders of administration tools, which are not in the search path of a plain user. */
export const searchPath: string = [
  process.env['PATH'] ?? '',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
].join(':');

/** Runs a tool without a shell, for at most 30 seconds; undefined where it is not installed. */
export async function runTool(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ToolAnswer | undefined> {
  const answer = await execa(name, args, {
    reject: false,
    stdin: 'ignore',
    timeout: 30_000,
    env: { PATH: searchPath, LC_ALL: 'C', ...environment },
  });
  if (answer.exitCode === undefined && answer.code === 'ENOENT') return undefined;
  const { exitCode = 1, stdout, stderr } = answer;
  return { exitCode, stdout, stderr: stderr === '' ? (answer.shortMessage ?? '') : stderr };
}
