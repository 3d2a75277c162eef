import { expect, test } from 'vitest';
import {
  addWriteAmplification,
  assembleWriteAmplification,
  countersBetween,
  ratiosOf,
} from './write-amplification.ts';

const counters = {
  userBytes: 4096,
  writtenBytes: { journal: 8192, destage: 4096 },
  flushes: 3,
  fuaWrites: 1,
};

test('@req K5: each ratio is between the levels it names', () => {
  const ratios = ratiosOf(assembleWriteAmplification(counters, 24_576));
  expect(ratios).toEqual({ engine: 3, device: 2, total: 6 });
});

test('device bytes that are not known stay unknown and never become 0', () => {
  const amplification = assembleWriteAmplification(counters, undefined);
  expect(amplification.deviceBytes).toBeUndefined();
  expect(ratiosOf(amplification)).toEqual({ engine: 3, device: undefined, total: undefined });
});

test('without user bytes there is no ratio to them', () => {
  const amplification = assembleWriteAmplification({ ...counters, userBytes: 0 }, 12_288);
  expect(ratiosOf(amplification)).toEqual({ engine: undefined, device: 1, total: undefined });
});

test('a later reading counts only what came after the earlier one', () => {
  const after = {
    userBytes: 5096,
    writtenBytes: { journal: 9000, destage: 4096, superblock: 512 },
    flushes: 5,
    fuaWrites: 1,
  };
  expect(countersBetween(counters, after)).toEqual({
    userBytes: 1000,
    writtenBytes: { journal: 808, destage: 0, superblock: 512 },
    flushes: 2,
    fuaWrites: 0,
  });
});

test('simulated flash is added only where every round has it, and is in no ratio', () => {
  const flash = { hostBytes: 8192, programmedBytes: 12_288, erases: 2 };
  const simulated = assembleWriteAmplification(counters, 100, flash);
  const twice = { hostBytes: 16_384, programmedBytes: 24_576, erases: 4 };
  expect(addWriteAmplification([simulated, simulated])?.simulatedFlash).toEqual(twice);
  const without = assembleWriteAmplification(counters, 100);
  expect(addWriteAmplification([simulated, without])).not.toHaveProperty('simulatedFlash');
  expect(ratiosOf(simulated)).toEqual(ratiosOf(without));
});

test('rounds are added by purpose, and one that does not know its device bytes hides the sum', () => {
  const known = assembleWriteAmplification(counters, 100);
  const unknown = assembleWriteAmplification(
    { ...counters, writtenBytes: { padding: 1 } },
    undefined,
  );
  expect(addWriteAmplification([known, known])?.deviceBytes).toBe(200);
  expect(addWriteAmplification([known, unknown])).toEqual({
    userBytes: 8192,
    engineBytes: { journal: 8192, destage: 4096, padding: 1 },
    deviceBytes: undefined,
    flushes: 6,
    fuaWrites: 2,
  });
  expect(addWriteAmplification([])).toBeUndefined();
});
