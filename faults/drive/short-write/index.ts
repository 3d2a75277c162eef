import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * write(2): the number of bytes written may be less than asked, and io_uring hands the same number on
 * in `res` (io_uring_enter(2)); a caller that looks only for errors takes it for the whole
 * (tursodatabase/turso#3042).
 */
export default defineDriveFault({
  name: 'short-write',
  summary: 'A write is answered with fewer bytes than asked; a prefix of whole units has landed',
  faultClass: 'short-write',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'short-write' }),
});
