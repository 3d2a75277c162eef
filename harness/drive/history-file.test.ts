import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { planCrashStates } from './crash-states.ts';
import { decodeHistory, encodeHistory } from './history-file.ts';
import type { History } from './history.ts';
import { recordRandomHistory } from './random-history.fixture.ts';

const options = { devices: 2, requests: 25, unitsPerDevice: 5, faults: 3 };

async function record(seed: number): Promise<History> {
  return (await recordRandomHistory(createRandom(seed), options)).history;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function digestsOf(history: History): string[] {
  const plan = planCrashStates(history, { statesMax: 200, random: createRandom(1) });
  return plan.states.map((state) => `${state.digest} ${JSON.stringify(state.windows)}`);
}

test('the same seed gives the same bytes and the same plan', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const [first, second] = [await record(seed), await record(seed)];
    expect(isSame(encodeHistory(first), encodeHistory(second))).toBe(true);
    expect(digestsOf(first)).toEqual(digestsOf(second));
  }
  expect(isSame(encodeHistory(await record(1)), encodeHistory(await record(2)))).toBe(false);
});

test('a history read back has the same events, payloads and crash states', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const history = await record(seed);
    const file = encodeHistory(history);
    const decoded = decodeHistory(file);
    expect(decoded.events).toEqual(history.events);
    for (const { submitted } of history.writes) {
      expect(isSame(decoded.payloadOf(submitted), history.payloadOf(submitted))).toBe(true);
    }
    expect(digestsOf(decoded)).toEqual(digestsOf(history));
    expect(isSame(encodeHistory(decoded), file)).toBe(true);
  }
});

test('a history file that is cut short is refused, wherever it is cut', async () => {
  const file = encodeHistory(await record(3));
  for (let length = 0; length < file.length; length += 13) {
    expect(() => decodeHistory(file.subarray(0, length))).toThrow(
      expect.objectContaining({ code: 'EVIDENCE_DAMAGED' }),
    );
  }
});

test('a history file with a flipped bit, or with more at its end, is refused', async () => {
  const file = encodeHistory(await record(4));
  const damaged = expect.objectContaining({ code: 'EVIDENCE_DAMAGED' }) as Error;
  fc.assert(
    fc.property(fc.nat(file.length * 8 - 1), (bit) => {
      const flipped = file.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeHistory(flipped)).toThrow(damaged);
    }),
    { seed: 20_260_104, numRuns: 1000 },
  );
  expect(() => decodeHistory(Buffer.concat([file, new Uint8Array(1)]))).toThrow(damaged);
});
