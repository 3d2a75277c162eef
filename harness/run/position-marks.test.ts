import { expect, test } from 'vitest';
import { PositionMarks } from './position-marks.ts';

/** A log that takes a mark when it is told to. */
class SlowLog {
  readonly marks: string[] = [];
  #waiting: { resolve(): void; reject(error: Error): void }[] = [];

  mark(text: string): Promise<void> {
    this.marks.push(text);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  async take(): Promise<void> {
    this.#waiting.shift()?.resolve();
    await turns();
  }

  async fail(): Promise<void> {
    this.#waiting.shift()?.reject(new Error('no such device'));
    await turns();
  }
}

async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function watched(promise: Promise<void>): { isDone: boolean } {
  const state = { isDone: false };
  void promise.then(() => {
    state.isDone = true;
  });
  return state;
}

test('an operation waits for the mark of its own position, and later ones are made into one', async () => {
  const log = new SlowLog();
  const marks = new PositionMarks(log);
  marks.reach(1);
  const first = watched(marks.placed());
  marks.reach(2);
  marks.reach(3);
  const third = watched(marks.placed());
  await turns();
  expect(log.marks).toEqual(['pos-1']);
  expect(first.isDone).toBe(false);
  await log.take();
  expect(log.marks).toEqual(['pos-1', 'pos-3']);
  expect([first.isDone, third.isDone]).toEqual([true, false]);
  await log.take();
  expect(third.isDone).toBe(true);
  await marks.placed();
});

test('whoever waits learns that a mark could not be placed', async () => {
  const log = new SlowLog();
  const marks = new PositionMarks(log);
  marks.reach(1);
  const placed = expect(marks.placed()).rejects.toThrow('no such device');
  await log.fail();
  await placed;
});

test('what is reached after the end has no mark: the ledger that is kept does not have it', async () => {
  const log = new SlowLog();
  const marks = new PositionMarks(log);
  marks.reach(1);
  const ended = watched(marks.end());
  marks.reach(2);
  await log.take();
  expect(log.marks).toEqual(['pos-1']);
  expect(ended.isDone).toBe(true);
});
