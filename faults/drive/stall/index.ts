import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Hao et al., "The Tail at Store: A Revelation from Millions of Hours of Disk and SSD Deployments",
 * FAST '16; Gunawi et al., "Fail-Slow at Scale", FAST '18. Nothing is lost; what was assumed about
 * order or time-outs shows.
 */
export default defineDriveFault({
  name: 'stall',
  summary: 'A request is answered only after a long delay',
  faultClass: 'slow-device',
  options: z.strictObject({
    delayNs: z
      .int()
      .min(1)
      .default(50_000_000)
      .describe('how much longer the request takes, in nanoseconds of virtual time'),
  }),
  effectOf: ({ delayNs }) => ({ kind: 'stall', delayNs }),
});
