import { z } from 'zod';
import type { DamagedRequests, FaultModule } from '../../../harness/contract/index.ts';
import { armedUntilRestored, probeOfRig, requirePart } from '../mapping-fault.ts';

interface CorruptOptions {
  readonly requests: DamagedRequests;
  readonly byte: number;
  readonly value: number;
  readonly perBillion?: number | undefined;
}

/**
 * Bytes that nobody wrote: one byte of every request that is read or written, or of requests that the
 * kernel picks (Linux drivers/md/dm-flakey.c). Where it picks, no seed repeats what it did.
 */
const corrupt: FaultModule<'device-mapper', CorruptOptions> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'dm-corrupt',
  summary: 'Bytes of what is read or written are changed, by dm-flakey under the engine',
  layer: 'device-mapper',
  faultClass: 'bit-rot',
  options: z.strictObject({
    requests: z.enum(['read', 'write']).default('read'),
    byte: z
      .int()
      .min(1)
      .max(2 ** 32 - 1)
      .default(1),
    value: z.int().min(0).max(255).default(0),
    perBillion: z.int().min(1).max(1e9).optional(),
  }),
  probe: probeOfRig,
  arm: async (mapping, { requests, byte, value, perBillion }) => {
    const target = requirePart(mapping.flakey, 'dm-corrupt', 'dm-flakey');
    return armedUntilRestored(
      () =>
        perBillion === undefined
          ? target.corruptByte(requests, byte, value)
          : target.corruptRandomly(requests, perBillion),
      () => target.restore(),
    );
  },
};

export default corrupt;
