import { z } from 'zod';
import type { FaultModule } from '../../../harness/contract/index.ts';
import { HarnessError } from '../../../harness/contract/index.ts';
import { probeOfRig, requirePart } from '../mapping-fault.ts';

/** Up to here in the log, every crash state is explored; what comes later is clean-up. */
const cutMark = 'cut';

/**
 * A power cut at every moment up to the mark that the trigger sets: dm-log-writes has recorded what was
 * written, flushed and forced, and the states that the log proves legal are explored afterwards
 * (Linux drivers/md/dm-log-writes.c; harness/drive/write-log). The engine goes on and notices nothing.
 */
const logWrites: FaultModule<'device-mapper', Record<string, never>> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'dm-log-writes',
  summary: 'A power cut at every moment up to its own, explored from the log of dm-log-writes',
  layer: 'device-mapper',
  faultClass: 'power-loss',
  options: z.strictObject({}),
  probe: probeOfRig,
  arm: async (mapping) => {
    const target = requirePart(mapping.log, 'dm-log-writes', 'dm-log-writes');
    return {
      trigger: async () => {
        await target.mark(cutMark);
        const { isLogging } = await target.status();
        if (isLogging) return;
        throw new HarnessError(
          'LIMIT_EXCEEDED',
          'dm-log-writes had stopped logging before the cut, since its device was full or memory ' +
            'short; give it a larger log device, or the workload fewer operations',
        );
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
};

export default logWrites;
