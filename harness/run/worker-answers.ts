import { parentPort } from 'node:worker_threads';
import type { FailedReply } from './worker-thread.ts';

/** The body of a WorkerThread: answers each request, and a failure with what is known of it. */
export function answerRequests(answer: (request: never) => Promise<unknown>): void {
  const port = parentPort;
  port?.on('message', (request: unknown) => {
    answer(request as never).then(
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
