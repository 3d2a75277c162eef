import * as fs from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecOptions } from './guest-channel.ts';
import type { Guest } from './guest.ts';

/** A process in a guest that tells the host what it is about to do, line by line. */
export interface TellingProcess {
  /** Every whole line that it wrote before it, or the guest, came to an end; a cut one comes last. */
  readonly lines: AsyncIterable<string>;
  /** Undefined where the guest ended first. */
  readonly ended: Promise<
    | {
        readonly code: number | null;
        readonly signal: string | null;
        readonly stderr: string;
      }
    | undefined
  >;
}

const lookAgainAfterMs = 2;

/**
 * Starts a process whose descriptor 3 leads to a file on the host. What it has written there outlives
 * both it and the guest: the file takes a line before the write returns in the guest, so nothing that
 * the process does afterwards can be on the drive without the line being in the file.
 */
export async function startTelling(
  guest: Pick<Guest, 'start'>,
  messagesFile: string,
  argv: readonly string[],
  options: Omit<ExecOptions, 'hasMessagePort'> = {},
): Promise<TellingProcess> {
  const from = fs.existsSync(messagesFile) ? fs.statSync(messagesFile).size : 0;
  const running = guest.start(argv, { ...options, hasMessagePort: true });
  let isOver = false;
  const ended = running.ended.then(
    (answer) => answer,
    () => undefined,
  );
  const watched = ended.finally(() => {
    isOver = true;
  });
  return { ended: watched, lines: followFile(messagesFile, from, () => isOver) };
}

/** The lines of a file that grows, from a byte offset on, until nothing will be added any more. */
async function* followFile(
  file: string,
  from: number,
  isComplete: () => boolean,
): AsyncIterable<string> {
  await using handle = await open(file, 'r');
  const chunk = Buffer.alloc(65_536);
  let rest = Buffer.alloc(0);
  for (let offset = from; ;) {
    // Asked before reading: what is read after the end is all there is.
    const wasComplete = isComplete();
    const byteCount = await readAt(handle, chunk, offset);
    offset += byteCount;
    if (byteCount === 0) {
      if (wasComplete) break;
      await sleep(lookAgainAfterMs);
      continue;
    }
    const text = Buffer.concat([rest, chunk.subarray(0, byteCount)]);
    const end = text.lastIndexOf(10) + 1;
    rest = text.subarray(end);
    if (end > 0) yield* text.toString('utf8', 0, end - 1).split('\n');
  }
  if (rest.byteLength > 0) yield rest.toString();
}

async function readAt(handle: FileHandle, chunk: Buffer, offset: number): Promise<number> {
  return (await handle.read(chunk, 0, chunk.byteLength, offset)).bytesRead;
}
