// An engine as somebody outside this repository might write one, for the tests of the command line.
import { z } from 'zod';

export default Object.freeze({
  kind: 'engine',
  apiVersion: 1,
  name: 'outside-engine',
  summary: 'keeps nothing; only its description is used',
  supports: { ops: ['write', 'flush'], dataDevice: false },
  options: z.strictObject({
    ringPages: z.int().min(4).default(16),
    sync: z.enum(['always', 'never']).default('always'),
    cache: z.strictObject({ pages: z.int().min(0).default(0) }).prefault({}),
  }),
  contractFor: () => ({}),
  areasOf(config, { main }) {
    const byteCount = config.ringPages * main.logicalBlockBytes;
    if (byteCount > 2 ** 20) throw new Error(`a ring of ${byteCount} bytes is over 1 MiB`);
    return [{ name: 'journal', device: 0, byteOffset: 0, byteCount }];
  },
  probe: async () => ({ available: true }),
  format: async () => undefined,
  open: async () => ({}),
});
