// Goal: one crash in an emulated machine costs a second attempt and is told; any other failure ends the round.
import { expect, test } from 'vitest';
import { HarnessError, type EngineFacts } from '../../contract/index.ts';
import { onceMoreAfterCrash, ProcessCrash } from './process-crash.ts';

const segfault = { text: 'was ended by SIGSEGV: node[7]: segfault at 8', isOutOfMemory: false };

/** Fails with each of the errors in turn, then answers. */
function failingWith(...errors: readonly Error[]): () => Promise<{ engineFacts: EngineFacts }> {
  const left = [...errors];
  return async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
    return { engineFacts: { mode: 'ordered' } };
  };
}

test('a round in which an emulated process crashed begins anew, and says so', async () => {
  const notes: string[] = [];
  const record = await onceMoreAfterCrash(
    failingWith(new ProcessCrash(segfault, true)),
    (text) => void notes.push(text),
  );
  expect(record.engineFacts).toEqual({
    mode: 'ordered',
    processCrash: expect.stringContaining('segfault at 8') as string,
  });
  expect(notes).toEqual([expect.stringContaining('SIGSEGV')]);
});

test.each([
  ['crashes again', [new ProcessCrash(segfault, true), new ProcessCrash(segfault, true)]],
  ['crashes without an emulator', [new ProcessCrash(segfault, false)]],
  [
    'was ended for want of memory',
    [new ProcessCrash({ text: 'was ended by SIGKILL: memory', isOutOfMemory: true }, true)],
  ],
  ['failed otherwise', [new HarnessError('UNAVAILABLE', 'no drive')]],
])('a process that %s is an error', async (_, errors) => {
  await expect(onceMoreAfterCrash(failingWith(...errors), () => undefined)).rejects.toBe(
    errors.at(-1),
  );
});
