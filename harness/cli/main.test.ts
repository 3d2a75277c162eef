import { execFile } from 'node:child_process';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';

const main = path.join(import.meta.dirname, 'main.ts');

async function powercut(
  ...words: readonly string[]
): Promise<{ exitCode: number; out: string; error: string }> {
  return new Promise((resolve) => {
    const command = ['--import', 'tsx', main, ...words];
    execFile(process.execPath, command, (failure, out, error) => {
      resolve({ exitCode: failure === null ? 0 : Number(failure.code), out, error });
    });
  });
}

describe('the process', () => {
  it('exits with 2 and a suggestion for a command that does not exist', async () => {
    const { exitCode, error } = await powercut('rnu');
    expect(exitCode).toBe(2);
    expect(error).toContain('Did you mean run?');
  });

  it('lists the built-in faults, each loaded from its module', async () => {
    const { exitCode, out } = await powercut('list', 'faults', '--json');
    expect(exitCode).toBe(0);
    const { faults } = JSON.parse(out) as { faults: readonly { name: string }[] };
    expect(faults.map(({ name }) => name)).toContain('lying-flush');
  });
});
