import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * The "flying writes" that Zheng et al., FAST '13, looked for, and the misdirected writes of Krioukov
 * et al., "Parity Lost and Parity Regained", FAST '08. Two places are wrong at once: the one that was
 * overwritten, and the one that still holds what was there before.
 */
export default defineDriveFault({
  name: 'misdirected-write',
  summary: 'A write is answered OK and lands at another address',
  faultClass: 'misdirected-write',
  options: z.strictObject({
    shiftUnits: z
      .int()
      .refine((units) => units !== 0, 'a shift of 0 is no fault')
      .default(1)
      .describe('how many atomic units away it lands'),
  }),
  effectOf: ({ shiftUnits }) => ({ kind: 'misdirect-write', shiftUnits }),
});
