import { expect, test } from 'vitest';
import { Timeline } from './timeline.ts';

test('events run in order of time, and of insertion where the time is equal', async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  for (const [name, delayNs] of Object.entries({ a: 30, b: 10, c: 10, d: 20, e: 10 })) {
    timeline.after(delayNs, () => seen.push(`${name}@${timeline.now()}`));
  }
  await timeline.whenIdle();
  expect(seen).toEqual(['b@10', 'c@10', 'e@10', 'd@20', 'a@30']);
});

test('every promise callback of an event runs before the next event, however long the chain', async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  const chain = async (name: string): Promise<void> => {
    for (let tick = 0; tick < 100; tick++) await Promise.resolve();
    seen.push(name);
  };
  for (let event = 0; event < 20; event++) {
    timeline.after(event, () => {
      seen.push(`event ${event}`);
      void chain(`chain ${event}`);
    });
  }
  await timeline.whenIdle();
  const expected = Array.from({ length: 20 }, (_, event) => [`event ${event}`, `chain ${event}`]);
  expect(seen).toEqual(expected.flat());
});

test('a cancelled event does not run and does not move the clock', async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  const cancel = timeline.after(50, () => seen.push('cancelled'));
  timeline.after(10, () => seen.push('kept'));
  cancel();
  cancel();
  await timeline.whenIdle();
  expect(seen).toEqual(['kept']);
  expect(timeline.now()).toBe(10);
});

test('after a halt nothing runs any more and the timeline is idle', async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.after(10, () => {
    seen.push('first');
    timeline.halt();
  });
  const cancel = timeline.after(20, () => seen.push('second'));
  await timeline.whenIdle();
  timeline.after(1, () => seen.push('third'));
  cancel();
  await timeline.whenIdle();
  expect(seen).toEqual(['first']);
  expect(timeline.isHalted).toBe(true);
});

test('a hung party is told from one that ends with the last event', async () => {
  const timeline = new Timeline();
  const ends = new Promise<string>((resolve) => {
    timeline.after(5, () => {
      resolve('ended');
    });
  });
  const hangs = new Promise<string>(() => undefined);
  const idle = timeline.whenIdle().then(() => 'idle');
  expect(await Promise.race([hangs, ends, idle])).toBe('ended');
  expect(await Promise.race([hangs, timeline.whenIdle().then(() => 'idle')])).toBe('idle');
});

test('idle waits for work that promise callbacks add', async () => {
  const timeline = new Timeline();
  const seen: number[] = [];
  const worker = async (): Promise<void> => {
    for (let round = 0; round < 30; round++) {
      await new Promise<void>((resolve) => {
        timeline.after(1, resolve);
      });
      seen.push(round);
    }
  };
  void worker();
  await timeline.whenIdle();
  expect(seen).toHaveLength(30);
});
