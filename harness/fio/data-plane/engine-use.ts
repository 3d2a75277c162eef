import type { FioJob } from '../job.ts';
import type { EngineUse } from './job-result.ts';

/** What runs a job of this engine, and what that means where it is not what was asked for. */
export function engineUse({ engine, queue }: FioJob): EngineUse {
  const asked = engine.name;
  const oneAtATime =
    queue.depth > 1 ? `${asked} does one operation at a time, whatever iodepth says` : '';
  switch (asked) {
    case 'io_uring':
      return { asked, ran: 'io_uring', note: '' };
    case 'libaio':
      return { asked, ran: 'io_uring', note: 'libaio jobs run on io_uring here' };
    case 'psync':
      return { asked, ran: 'system calls', note: oneAtATime };
    case 'sync':
    case 'pvsync':
    case 'pvsync2': {
      const note = `${asked} jobs use pread and pwrite here, as psync does`;
      return { asked, ran: 'system calls', note: [note, oneAtATime].filter(Boolean).join('; ') };
    }
    case 'null':
      return { asked, ran: 'null', note: 'nothing is transferred: this is what the loop costs' };
    case 'powercut':
      return { asked, ran: 'engine session', note: 'on the volume of an engine under test' };
  }
}
