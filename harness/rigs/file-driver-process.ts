/**
 * The process that works on the file system under test. Its calls block, for ever where the device
 * does not answer, so it has nothing else to do: requests come in on descriptor 3, and answers go out
 * on descriptor 4, a line of JSON each.
 */
import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import type { FileOp, FileOutcome, OpId, SyncPolicy } from '../contract/index.ts';
import { loadSystemCalls } from '../sys/libc.ts';
import { FileOps } from './file-ops.ts';

/** The first line. */
export interface FileDriverJob {
  readonly root: string;
  readonly seed: number;
  readonly syncPolicy: SyncPolicy;
}

export interface FileDriverRequest {
  readonly id: OpId;
  readonly op: FileOp;
}

/** `ready` answers the job. */
export type FileDriverReply =
  | { readonly type: 'ready' }
  | { readonly type: 'outcome'; readonly id: OpId; readonly outcome: FileOutcome }
  /** The process cannot work at all. */
  | { readonly type: 'unavailable'; readonly reason: string };

const requestFd = 3;
const replyFd = 4;

let ops: FileOps | undefined;

async function answer(line: string): Promise<FileDriverReply> {
  if (ops === undefined) return begin(JSON.parse(line) as FileDriverJob);
  const { id, op } = JSON.parse(line) as FileDriverRequest;
  return { type: 'outcome', id, outcome: ops.perform(id, op) };
}

async function begin(job: FileDriverJob): Promise<FileDriverReply> {
  const loaded = await loadSystemCalls();
  if (!loaded.available) return { type: 'unavailable', reason: loaded.reason };
  ops = new FileOps({ ...job, calls: loaded.calls });
  return { type: 'ready' };
}

/** The parent's end closes when the parent is gone, and then there are no more lines. */
function* linesOf(fd: number): Iterable<string> {
  const memory = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    const count = fs.readSync(fd, memory);
    if (count === 0) return;
    const lines = (text + memory.toString('utf8', 0, count)).split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}

for (const line of linesOf(requestFd)) {
  fs.writeSync(replyFd, `${JSON.stringify(await answer(line))}\n`);
}
