import { z } from 'zod';
import type { FaultModule } from '../../../harness/contract/index.ts';

/**
 * The machine that the engine runs in dies at once, as its QEMU is killed: what its kernel and its
 * processes held in memory is gone, and what the emulated drive had completed stays, flushed or not,
 * since the host keeps it. So it never shows a missing flush; the drive's own cache is lost on the twin.
 */
const vmKill: FaultModule<'machine', Record<string, never>> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'vm-kill',
  summary: 'SIGKILL to the virtual machine that the engine runs in, kernel and all',
  layer: 'machine',
  faultClass: 'power-loss',
  options: z.strictObject({}),
  probe: async () => ({ available: true }),
  arm: async (machine) => ({
    trigger: () => machine.kill(),
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

export default vmKill;
