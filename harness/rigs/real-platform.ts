import { randomFillSync } from 'node:crypto';
import type { Platform } from '../contract/index.ts';
import { crc32c } from '../ledger/crc32c.ts';

/** The world as it is: monotonic time, the kernel's entropy. */
export function createRealPlatform(): Platform {
  return {
    clock: {
      now: () => Math.round(performance.now() * 1e6),
      after: (delayNs, callback) => {
        const timer = setTimeout(callback, delayNs / 1e6);
        return () => {
          clearTimeout(timer);
        };
      },
    },
    entropy: (target) => {
      randomFillSync(target);
    },
    crc32c,
  };
}
