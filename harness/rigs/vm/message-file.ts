import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';

const chunkBytes = 65_536;

/**
 * What processes of a guest say through their message port, read at the moment it is asked for. QEMU has put a message
 * into the file before the guest goes on (qemu-arguments.ts), so whoever looks here after a request of
 * the guest has arrived finds everything that was said before the request was made.
 */
export class MessageFile implements Disposable {
  readonly path: string;
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(chunkBytes);
  #offset = 0;
  #rest = Buffer.alloc(0);

  /** Begins with an empty file. */
  constructor(path: string) {
    fs.writeFileSync(path, '', { mode: 0o600 });
    this.path = path;
    this.#fd = fs.openSync(path, 'r');
  }

  /** The whole lines that have come since the last time. */
  takeLines(): readonly string[] {
    const lines: string[] = [];
    for (;;) {
      const byteCount = fs.readSync(this.#fd, this.#chunk, 0, chunkBytes, this.#offset);
      if (byteCount === 0) return lines;
      this.#offset += byteCount;
      const bytes = Buffer.concat([this.#rest, this.#chunk.subarray(0, byteCount)]);
      const end = bytes.lastIndexOf(10) + 1;
      this.#rest = bytes.subarray(end);
      if (end > 0) lines.push(...bytes.toString('utf8', 0, end - 1).split('\n'));
    }
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.#fd);
  }
}
