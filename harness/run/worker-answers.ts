import { parentPort } from 'node:worker_threads';
import type { FailedReply } from './worker-thread.ts';

/** The body of a WorkerThread: answers each request, and a failure with what is known of it. */
export function answerRequests<Request>(answer: (request: Request) => Promise<unknown>): void {
  const port = parentPort;
  port?.on('message', (request: Request) => {
    answer(request).then(
      (reply) => {
        port.postMessage(reply);
      },
      (error: unknown) => {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        const reply: FailedReply = { type: 'failed', message };
        port.postMessage(reply);
      },
    );
  });
}
