import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  createRandom,
  type DriveFaultRule,
  type FaultModule,
} from '../../harness/contract/index.ts';

const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

async function load(name: string): Promise<FaultModule<'drive'>> {
  const module = (await import(`./${name}/index.ts`)) as { default: FaultModule<'drive'> };
  return module.default;
}

test('every fault the twin must know has a plug-in', () => {
  expect(names.toSorted()).toEqual([
    'bit-rot',
    'flush-error',
    'lost-write',
    'lying-flush',
    'misdirected-write',
    'no-space',
    'power-cut',
    'read-error',
    'short-write',
    'stale-read',
    'stall',
    'torn-write',
    'write-error',
  ]);
});

test.each(names)('%s arms one rule under its own name, with its timing', async (name) => {
  const fault = await load(name);
  const armed: DriveFaultRule[] = [];
  const drive = { arm: (rule: DriveFaultRule) => void armed.push(rule) };
  const within = { byteOffset: 512, byteCount: 4096 };
  const timing = { moment: { atOp: 3 }, times: 'forever', within } as const;
  await using handle = await fault.arm(drive, fault.options.parse({}), timing, createRandom(1));
  await handle.trigger();
  expect(armed).toHaveLength(1);
  expect(armed[0]).toMatchObject({ fault: name, faultClass: fault.faultClass, ...timing });
  expect(fault).toMatchObject({ kind: 'fault', apiVersion: 1, name, layer: 'drive' });
});

test.each(names)('%s refuses an option it does not know', async (name) => {
  const fault = await load(name);
  expect(() => fault.options.parse({ colour: 'red' })).toThrow(/colour/);
});

test('options reach the effect', async () => {
  const rules: DriveFaultRule[] = [];
  const drive = { arm: (rule: DriveFaultRule) => void rules.push(rule) };
  const timing = { moment: { atFlush: 1 }, times: 1 } as const;
  for (const [name, options] of Object.entries({
    'misdirected-write': { shiftUnits: -3 },
    'bit-rot': { bits: 5 },
    'read-error': { sticky: false },
    'write-error': { landed: 'none' },
    'flush-error': { drops: false },
    stall: { delayNs: 7 },
  })) {
    const fault = await load(name);
    await fault.arm(drive, fault.options.parse(options), timing, createRandom(1));
    expect(rules.pop()?.effect).toMatchObject(options);
  }
  const { options } = await load('misdirected-write');
  expect(() => options.parse({ shiftUnits: 0 })).toThrow(/no fault/);
});
