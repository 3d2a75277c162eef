import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * Completed writes that no flush or FUA covered may be lost, those in flight may be there in part
 * (kernel Documentation/block/writeback_cache_control.rst). What real drives do beyond that: Zheng,
 * Tucek, Qin, Lillibridge, "Understanding the Robustness of SSDs under Power Fault", FAST '13.
 */
export default defineDriveFault({
  name: 'power-cut',
  summary: 'Power is cut: nothing in flight completes and the drive answers nothing more',
  faultClass: 'power-loss',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'power-cut' }),
});
