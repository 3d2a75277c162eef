import { expect, test } from 'vitest';
import { createRandom, type DeviceGeometry } from '../contract/index.ts';
import { planCrashStates, type CrashPlan } from './crash-states.ts';
import { History } from './history.ts';
import { createImage } from './image.ts';
import { SimDrive } from './sim-drive.ts';
import { Timeline } from './timeline.ts';

const geometry: DeviceGeometry = {
  logicalBlockBytes: 512,
  capacityBlocks: 256,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
};

function startDrives(count: number): { history: History; drives: SimDrive[] } {
  const timeline = new Timeline();
  const history = new History(timeline);
  const drives = Array.from(
    { length: count },
    (_, device) =>
      new SimDrive({
        name: `twin-${device}`,
        device,
        timeline,
        geometry,
        image: createImage(geometry, device),
        random: createRandom(device),
        history,
      }),
  );
  return { history, drives };
}

/** What each state holds that is not durable, as `write:units` with the writes numbered from 0. */
function contentsOf(plan: CrashPlan, bornAt: number): Set<string> {
  const writes = [...plan.history.writes].map((write) => write.submitted);
  const states = plan.states.filter((state) => state.bornAt === bornAt);
  return new Set(
    states.map(({ choices }) => {
      const units = new Map<number, number>();
      for (const { source } of choices) {
        const write = writes.indexOf(source);
        units.set(write, (units.get(write) ?? 0) + 1);
      }
      return [...units]
        .sort(([a], [b]) => a - b)
        .map(([write, count]) => `${write}:${count}`)
        .join(' ');
    }),
  );
}

test('a sample begins with the likeliest killers: all lost, all kept, one lost, one kept, torn', async () => {
  const { history, drives } = startDrives(1);
  for (let place = 0; place < 5; place++) {
    const payload = new Uint8Array(4 * 512).fill(place + 1);
    await drives[0]!.write(place * 4, payload, { fua: false });
  }
  const last = [...history.writes].at(-1)!.submitted;
  const plan = planCrashStates(history, {
    statesMax: 60,
    random: createRandom(1),
    bornAfter: last - 1,
  });
  expect(plan.states).toHaveLength(60);
  const found = contentsOf(plan, last);
  const others = [0, 1, 2, 3];
  const all = [...others, 4].map((write) => `${write}:4`);
  const allBut = (lost: number): string => all.filter((name) => name !== `${lost}:4`).join(' ');
  expect(found).toContain('4:4');
  expect(found).toContain(all.join(' '));
  for (const write of others) {
    expect(found).toContain(allBut(write));
    expect(found).toContain(`${write}:4 4:4`);
  }
  expect(found).toContain('4:1');
  expect(found).toContain([...all.slice(0, 4), '4:3'].join(' '));
});

test('coverage tells how many states are legal, also where they are more than a double holds', async () => {
  const { history, drives } = startDrives(1);
  const [drive] = drives as [SimDrive];
  await drive.write(0, new Uint8Array(200 * 512).fill(1), { fua: false });
  await drive.flush();
  await drive.write(0, new Uint8Array(3 * 512).fill(2), { fua: false });
  const plan = planCrashStates(history, { statesMax: 50, random: createRandom(1) });
  expect(plan.coverage).toHaveLength(2);
  expect(plan.coverage[0]!.legalLog10).toBeCloseTo(200 * Math.log10(2), 9);
  expect(plan.coverage[1]).toEqual({ interval: 1, checked: 7, legalLog10: Math.log10(7) });
  expect(plan.states).toHaveLength(50);
});

test('states born outside the wanted events are left out', async () => {
  const { history, drives } = startDrives(1);
  const [drive] = drives as [SimDrive];
  for (let fill = 1; fill <= 3; fill++) {
    await drive.write(fill, new Uint8Array(512).fill(fill), { fua: true });
  }
  const bornIn = (limits: { bornAfter?: number; bornBefore?: number }): number[] =>
    planCrashStates(history, { statesMax: 100, random: createRandom(1), ...limits }).states.map(
      ({ bornAt }) => bornAt,
    );
  expect(bornIn({})).toEqual([0, 1, 3, 5]);
  expect(bornIn({ bornAfter: 0 })).toEqual([1, 3, 5]);
  expect(bornIn({ bornAfter: 1, bornBefore: 5 })).toEqual([3]);
});

test('drives may be cut apart: one that keeps its power keeps what it has applied', async () => {
  const { history, drives } = startDrives(2);
  for (const drive of drives) await drive.write(0, new Uint8Array(512).fill(1), { fua: false });
  const atEnd = (devices?: number[]): number =>
    planCrashStates(history, {
      statesMax: 100,
      random: createRandom(1),
      ...(devices && { devices }),
    }).states.filter(({ windows }) => windows.at(-1)!.endSeq > history.end).length;
  expect(atEnd()).toBe(4);
  expect(atEnd([0])).toBe(2);
  expect(atEnd([])).toBe(1);
});
