import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * A thin-provisioned device runs out beneath its user (kernel
 * Documentation/admin-guide/device-mapper/thin-provisioning.rst, "error_if_no_space"; NVMe status
 * Capacity Exceeded). Sizes checked at open say nothing about it.
 */
export default defineDriveFault({
  name: 'no-space',
  summary: 'A write fails with ENOSPC and lands nothing',
  faultClass: 'no-space',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'fail-write', code: 'ENOSPC', landed: 'none' }),
});
