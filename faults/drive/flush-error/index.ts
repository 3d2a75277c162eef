import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * fsyncgate, 2018 (https://wiki.postgresql.org/wiki/Fsync_Errors): after a failed fsync the kernel
 * marks the pages clean, the retry succeeds and the data is gone. Rebello et al., "Can Applications
 * Recover from fsync Failures?", ATC '20, show it for ext4, XFS and Btrfs.
 */
export default defineDriveFault({
  name: 'flush-error',
  summary: 'A flush fails with EIO; what it covered may be gone for good',
  faultClass: 'flush-error',
  options: z.strictObject({
    drops: z
      .boolean()
      .default(true)
      .describe('what the flush covered is lost, so that a later flush proves nothing'),
  }),
  effectOf: ({ drops }) => ({ kind: 'fail-flush', drops }),
});
