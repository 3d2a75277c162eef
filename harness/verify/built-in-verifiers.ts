import type { Verifier } from '../contract/index.ts';
import { acknowledgedAppends } from './acknowledged-appends.ts';
import { acknowledgedWrites } from './acknowledged-writes.ts';
import { atomicity } from './atomicity.ts';
import { invariant } from './invariant.ts';
import { recovery } from './recovery.ts';
import { writeOrder } from './write-order.ts';

/** Every crash state is judged by all of these; `judge` applies the promise afterwards. */
export const builtInVerifiers: readonly Verifier[] = [
  recovery,
  acknowledgedWrites,
  acknowledgedAppends,
  writeOrder,
  atomicity,
  invariant,
];
