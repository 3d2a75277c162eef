import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Latent sector errors: Bairavasundaram et al., "An Analysis of Latent Sector Errors in Disk Drives",
 * SIGMETRICS '07. A write heals the sector, as with dm-dust (kernel
 * Documentation/admin-guide/device-mapper/dm-dust.rst).
 */
export default defineDriveFault({
  name: 'read-error',
  summary: 'A read fails with EIO',
  faultClass: 'read-error',
  options: z.strictObject({
    sticky: z
      .boolean()
      .default(true)
      .describe('one unit of the read stays unreadable until it is written again'),
  }),
  effectOf: ({ sticky }) => ({ kind: 'fail-read', sticky }),
});
