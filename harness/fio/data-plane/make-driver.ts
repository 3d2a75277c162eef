import type { SystemCalls } from '../../sys/libc.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import type { FioJob } from '../job.ts';
import { CallDriver } from './call-driver.ts';
import type { BlockingDriver } from './load-task.ts';
import { RingDriver, type RingTuning } from './ring-driver.ts';

/** What a job's operations are performed with. */
export interface DriverOrder {
  readonly job: FioJob;
  readonly tuning: RingTuning;
  /** Open files, in the order of the job's. */
  readonly fds: readonly number[];
  readonly isBlockDevice: readonly boolean[];
}

/** What performs the operations of a job's engine. */
export function makeDriver(
  order: DriverOrder,
  calls: SystemCalls,
  transfers: TransferCalls,
): BlockingDriver {
  const { job, fds, isBlockDevice, tuning } = order;
  const { blocks } = job.pattern;
  const bufferBytes = Math.max(blocks.read.maxBytes, blocks.write.maxBytes);
  switch (job.engine.name) {
    case 'io_uring':
    case 'libaio':
      return new RingDriver(job, { calls, transfers, fds }, tuning, bufferBytes);
    case 'sync':
    case 'psync':
    case 'pvsync':
    case 'pvsync2':
    case 'null':
      return new CallDriver(
        { calls, transfers, fds, isBlockDevice, isNull: job.engine.name === 'null' },
        bufferBytes,
      );
    case 'powercut':
      throw new Error('an engine session does not run on a thread of its own');
  }
}
