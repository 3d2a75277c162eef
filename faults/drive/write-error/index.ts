import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * An error says nothing about what landed. write(2): an error "while performing write() using direct
 * I/O does not mean the entire write has failed. Partial data may be written". How software takes it:
 * Rebello et al., "Can Applications Recover from fsync Failures?", ATC '20.
 */
export default defineDriveFault({
  name: 'write-error',
  summary: 'A write fails with EIO; some of its atomic units may have landed',
  faultClass: 'write-error',
  options: z.strictObject({
    landed: z
      .enum(['none', 'some'])
      .default('some')
      .describe('whether a part of the failed write is on the medium'),
  }),
  effectOf: ({ landed }) => ({ kind: 'fail-write', code: 'EIO', landed }),
});
