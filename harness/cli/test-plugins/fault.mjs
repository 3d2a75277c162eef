import { z } from 'zod';

export default Object.freeze({
  kind: 'fault',
  apiVersion: 1,
  name: 'outside-fault',
  summary: 'arms nothing; only its description is used',
  layer: 'drive',
  faultClass: 'bit-rot',
  options: z.strictObject({ bits: z.int().min(1).max(64).default(1) }),
  probe: async () => ({ available: true }),
  arm: async () => ({
    trigger: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }),
});
