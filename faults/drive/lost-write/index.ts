import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Krioukov et al., "Parity Lost and Parity Regained", FAST '08, section 2 (lost writes); seen in the
 * field by Bairavasundaram et al., "An Analysis of Data Corruption in the Storage Stack", FAST '08.
 */
export default defineDriveFault({
  name: 'lost-write',
  summary: 'A write is answered OK and lands nowhere',
  faultClass: 'lost-write',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'lose-write' }),
});
