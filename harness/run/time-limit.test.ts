import { setTimeout as sleep } from 'node:timers/promises';
import * as v8 from 'node:v8';
import * as vm from 'node:vm';
import { expect, it } from 'vitest';
import { TimeLimit } from './time-limit.ts';

const never = new AbortController().signal;

it('passes although the garbage collector ran before (@req D5)', async () => {
  using limit = new TimeLimit(never, 200);
  let fired = false;
  limit.signal.addEventListener('abort', () => {
    fired = true;
  });
  await sleep(20);
  collectGarbage();
  await sleep(20);
  collectGarbage();
  expect(fired).toBe(false);
  await sleep(300);
  expect(fired).toBe(true);
});

it('aborts with the signal around it, even one that had aborted before', () => {
  const outer = new AbortController();
  using limit = new TimeLimit(outer.signal, 60_000);
  expect(limit.signal.aborted).toBe(false);
  outer.abort();
  expect(limit.signal.aborted).toBe(true);
  using late = new TimeLimit(outer.signal, 60_000);
  expect(late.signal.aborted).toBe(true);
});

it('aborts nothing any more once it is disposed of', async () => {
  const outer = new AbortController();
  const limit = new TimeLimit(outer.signal, 10);
  limit[Symbol.dispose]();
  await sleep(30);
  outer.abort();
  expect(limit.signal.aborted).toBe(false);
});

function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
}
