import { z } from 'zod';
import type { FaultModule } from '../../../harness/contract/index.ts';

const options = z.strictObject({
  /** Whether what the drive had completed and not flushed may be gone, or is kept by the host. */
  volatileCache: z.enum(['lost', 'kept']).default('lost'),
});

type VmKillOptions = z.output<typeof options>;

/**
 * The machine that the engine runs in dies at once, as its QEMU is killed: what its kernel and its
 * processes held in memory is gone. With `lost` its drive is the twin, so the volatile cache goes too, and all that this
 * may leave is explored. With `kept` what the drive had completed stays, flushed or not: a missing flush never shows.
 */
const vmKill: FaultModule<'machine', VmKillOptions> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'vm-kill',
  summary: 'SIGKILL to the virtual machine that the engine runs in, kernel, drive cache and all',
  layer: 'machine',
  faultClass: 'power-loss',
  options,
  probe: async () => ({ available: true }),
  arm: async (machine) => ({
    trigger: () => machine.kill(),
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

export default vmKill;
