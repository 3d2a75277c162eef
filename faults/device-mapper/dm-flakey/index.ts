import { z } from 'zod';
import type { FaultModule, MappingCut } from '../../../harness/contract/index.ts';
import { armedUntilRestored, probeOfRig, requirePart } from '../mapping-fault.ts';

/**
 * The kernel under the engine dies at once: what it had not yet sent to the drive is gone, and what the
 * drive had completed stays, flushed or not (Linux drivers/md/dm-flakey.c). It never shows a missing flush.
 *
 * `error-writes` fails what comes after the cut, so that nothing is acknowledged falsely. `drop-writes`
 * answers it OK, as a drive without power never would: whoever runs the engine must void every
 * acknowledgement from then on (etcd-io/bbolt#568 took such a one for a bug of bbolt).
 */
const flakey: FaultModule<'device-mapper', { readonly mode: MappingCut }> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'dm-flakey',
  summary: 'Nothing is written any more from a moment on, by dm-flakey under the engine',
  layer: 'device-mapper',
  faultClass: 'power-loss',
  options: z.strictObject({
    mode: z.enum(['drop-writes', 'error-writes']).default('error-writes'),
  }),
  probe: probeOfRig,
  arm: async (mapping, { mode }) => {
    const target = requirePart(mapping.flakey, 'dm-flakey', 'dm-flakey');
    return armedUntilRestored(
      () => target.cut(mode),
      () => target.restore(),
    );
  },
};

export default flakey;
