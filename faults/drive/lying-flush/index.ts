import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * A drive, an enclosure or a hypervisor that answers flushes at once, for speed: QEMU's cache=unsafe
 * does (qemu docs, `cache.no-flush=on`). Under power faults 13 of 15 drives failed in surprising ways
 * (Zheng et al., "Understanding the Robustness of SSDs under Power Fault", FAST '13). No engine can
 * keep its promise on a drive that lies about flush.
 */
export default defineDriveFault({
  name: 'lying-flush',
  summary: 'A flush is answered OK and persists nothing',
  faultClass: 'flush-ignored',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'ignore-flush' }),
});
