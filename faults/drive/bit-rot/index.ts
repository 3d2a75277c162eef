import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Bairavasundaram et al., "An Analysis of Data Corruption in the Storage Stack", FAST '08 (checksum
 * mismatches); for flash, Schroeder, Lagisetty, Merchant, "Flash Reliability in Production: The
 * Expected and the Unexpected", FAST '16. It stays on re-read, so a retry does not help.
 */
export default defineDriveFault({
  name: 'bit-rot',
  summary: 'Bits of one atomic unit flip on the medium and stay flipped until it is rewritten',
  faultClass: 'bit-rot',
  options: z.strictObject({
    bits: z.int().min(1).max(64).default(1).describe('how many bits of the unit flip'),
  }),
  effectOf: ({ bits }) => ({ kind: 'rot', bits }),
});
