import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../../contract/index.ts';
import type { FioJob } from '../job.ts';

/** Waits as `startdelay` asks, or until the job is to stop; a range is drawn from by the seed. */
export async function startDelay(
  { startDelayNs: { min, max }, threadNumber }: FioJob,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (max === 0) return;
  const random = createRandom(seed).fork(`fio start delay:${threadNumber}`);
  const delayMs = (min + ((max - min) * random.uint32()) / 2 ** 32) / 1e6;
  await delay(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}
