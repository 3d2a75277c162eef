import type { HarnessErrorCode } from '../../contract/index.ts';
import type { JobOrder, JobOutcome } from './job-run.ts';
import type { DriverOrder } from './make-driver.ts';

/** What the thread of a job is started with. */
export interface ThreadOrder extends JobOrder, DriverOrder {}

/** What the thread of a job says: that it is ready, and then how it ended. */
export type ThreadMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly outcome: JobOutcome }
  | {
      readonly type: 'failed';
      /** Undefined for a programmer's error. */
      readonly code: HarnessErrorCode | undefined;
      readonly message: string;
    };
