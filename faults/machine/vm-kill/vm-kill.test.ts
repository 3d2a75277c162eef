import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import vmKill from './index.ts';

test('kills the machine when it is triggered, and not before', async () => {
  let kills = 0;
  const machine = {
    kill: async () => {
      kills++;
    },
  };
  const timing = { moment: { atOp: 1 }, times: 1 } as const;
  await using armed = await vmKill.arm(machine, { volatileCache: 'lost' }, timing, createRandom(1));
  expect(kills).toBe(0);
  await armed.trigger();
  expect(kills).toBe(1);
});

test('is power loss for the engine, whatever its process is', () => {
  expect(vmKill).toMatchObject({ layer: 'machine', faultClass: 'power-loss' });
  expect(() => vmKill.options.parse({ signal: 'SIGTERM' })).toThrow();
});

test('takes the cache of the drive with it unless told otherwise', () => {
  expect(vmKill.options.parse({})).toEqual({ volatileCache: 'lost' });
  expect(vmKill.options.parse({ volatileCache: 'kept' })).toEqual({ volatileCache: 'kept' });
});
