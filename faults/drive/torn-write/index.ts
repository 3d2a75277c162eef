import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Larger writes than the atomic write unit may be torn by power loss (NVMe Base Specification, AWUPF
 * and NAWUPF). This fault is worse: the drive answers OK and there was no power loss, the "shorn
 * writes" of Zheng et al., FAST '13, and the torn writes of Krioukov et al., FAST '08.
 */
export default defineDriveFault({
  name: 'torn-write',
  summary: 'A write is answered OK and lands only some of its atomic units',
  faultClass: 'torn-write',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'tear-write' }),
});
