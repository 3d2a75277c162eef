import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import kill from './index.ts';

test('a triggered kill ends the process by SIGKILL, and an armed one leaves it alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const ended = new Promise<string | null>((resolve) => {
    child.once('exit', (_code, signal) => {
      resolve(signal);
    });
  });
  const target = {
    kill: async (signal: NodeJS.Signals) => {
      child.kill(signal);
    },
  };
  const timing = { moment: { atOp: 1 }, times: 1 } as const;
  await using armed = await kill.arm(target, {}, timing, createRandom(1));
  expect(child.signalCode).toBeNull();
  await armed.trigger();
  expect(await ended).toBe('SIGKILL');
});
