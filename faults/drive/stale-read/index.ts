import { z } from 'zod';
import { defineDriveFault } from '../drive-fault.ts';

/**
 * A mapping table or a cache that lags behind: the blocks are whole and carry right checksums, but
 * are old, like the "unserializable writes" of Zheng et al., FAST '13.
 */
export default defineDriveFault({
  name: 'stale-read',
  summary: 'A read is served from the version before the latest; later reads are right',
  faultClass: 'stale-read',
  options: z.strictObject({}),
  effectOf: () => ({ kind: 'stale-read' }),
});
