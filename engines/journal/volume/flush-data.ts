import { OutcomeUnknown } from '../errors.ts';
import type { VolumeLog, VolumeSite } from './volume-mode.ts';

/**
 * Makes durable what was written to the data device plainly. A flush that fails stops the journal: a
 * later one could succeed without what this one was to make durable.
 */
export async function flushData({ data }: VolumeSite, log: VolumeLog): Promise<void> {
  try {
    await data.flushPlainWrites();
  } catch (error) {
    log.fail(error);
    if (error instanceof OutcomeUnknown) throw error;
    throw new OutcomeUnknown(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
