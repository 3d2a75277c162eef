import { z } from 'zod';
import type { FaultModule } from '../../../harness/contract/index.ts';

/**
 * Ends the engine's process without a word (signal(7): SIGKILL cannot be caught, blocked or ignored).
 * What the process had handed to the kernel stays; a kill never shows the loss of a drive's cache.
 */
const kill: FaultModule<'process', Record<string, never>> = {
  kind: 'fault',
  apiVersion: 1,
  name: 'kill',
  summary: 'SIGKILL to the process that runs the engine, in the middle of the workload',
  layer: 'process',
  faultClass: 'process-kill',
  options: z.strictObject({}),
  probe: async () => ({ available: true }),
  arm: async (process) => ({
    trigger: () => process.kill('SIGKILL'),
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

export default kill;
