import type { Duplex } from 'node:stream';
import { HarnessError } from '../../contract/index.ts';
import type { StewardFacts, FromGuest, ToGuest } from './guest-steward.ts';

export interface ExecOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Undefined is `/`. */
  readonly workingDirectory?: string;
  readonly input?: string;
  /** The process writes to descriptor 3 what the guest's `messagesFile` on the host then holds. */
  readonly hasMessagePort?: boolean;
  /** Each line of output as it comes, without its end. */
  onLine?(line: string, stream: 'stdout' | 'stderr'): void;
  /** Aborted, it ends the process and what it has started with SIGKILL. */
  readonly signal?: AbortSignal;
}

export interface ExecAnswer {
  /** Null where a signal ended the process. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The last 1 MiB of each stream. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A process in the guest. */
export interface GuestProcess {
  /** Rejects with UNAVAILABLE where it cannot be started, or the guest ends before it. */
  readonly ended: Promise<ExecAnswer>;
  kill(signal: NodeJS.Signals): void;
}

interface RunningProcess {
  note(message: FromGuest): void;
  fail(error: HarnessError): void;
}

const outputCharactersMax = 2 ** 20;

/** The host's side of the conversation with the steward. */
export class GuestChannel {
  readonly #stream: Duplex;
  readonly #processes = new Map<number, RunningProcess>();
  readonly ready: Promise<StewardFacts>;
  #nextId = 1;
  #over: HarnessError | undefined;
  #settleReady!: { resolve(facts: StewardFacts): void; reject(error: HarnessError): void };

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => undefined);
    stream.on('error', () => undefined);
    stream.on(
      'data',
      lineReader((line) => {
        this.#note(JSON.parse(line) as FromGuest);
      }),
    );
  }

  start(argv: readonly string[], options: ExecOptions): GuestProcess {
    const id = this.#nextId++;
    const collected = new CollectedOutput(options);
    const ended = new Promise<ExecAnswer>((resolve, reject) => {
      this.#processes.set(id, {
        fail: reject,
        note: (message) => {
          if (message.kind === 'output') collected.note(message.stream, message.base64);
          if (message.kind !== 'exit') return;
          this.#processes.delete(id);
          const { code, signal, problem } = message;
          if (problem === undefined) resolve({ code, signal, ...collected.end() });
          else reject(new HarnessError('UNAVAILABLE', `${argv[0] ?? ''} in the guest: ${problem}`));
        },
      });
    });
    // Who only kills it does not wait for it.
    ended.catch(() => undefined);
    const kill = (signal: NodeJS.Signals): void => {
      this.#send({ kind: 'signal', id, signal });
    };
    if (this.#over !== undefined) this.#processes.get(id)?.fail(this.#over);
    this.#send({
      kind: 'exec',
      id,
      argv,
      environment: options.environment ?? {},
      workingDirectory: options.workingDirectory ?? '/',
      input: options.input ?? '',
      hasMessagePort: options.hasMessagePort ?? false,
    });
    endWhenAborted(options.signal, ended, () => {
      kill('SIGKILL');
    });
    return { ended, kill };
  }

  powerOff(): void {
    this.#send({ kind: 'power-off' });
  }

  /** Nothing more will be said: whoever waits for something gets the error. */
  end(error: HarnessError): void {
    this.#over = error;
    this.#settleReady.reject(error);
    for (const running of this.#processes.values()) running.fail(error);
    this.#processes.clear();
    this.#stream.destroy();
  }

  #note(message: FromGuest): void {
    if (message.kind === 'ready') this.#settleReady.resolve(message.facts);
    else this.#processes.get(message.id)?.note(message);
  }

  #send(message: ToGuest): void {
    if (this.#over === undefined) this.#stream.write(`${JSON.stringify(message)}\n`);
  }
}

function endWhenAborted(
  signal: AbortSignal | undefined,
  ended: Promise<unknown>,
  kill: () => void,
): void {
  if (signal === undefined) return;
  if (signal.aborted) kill();
  else signal.addEventListener('abort', kill, { once: true });
  const forget = (): void => {
    signal.removeEventListener('abort', kill);
  };
  ended.then(forget, forget);
}

/** Keeps the end of what a process writes, and tells its lines. */
class CollectedOutput {
  readonly #text = { stdout: '', stderr: '' };
  readonly #readers: Readonly<Record<'stdout' | 'stderr', LineReader>>;

  constructor(options: ExecOptions) {
    const readerOf = (stream: 'stdout' | 'stderr'): LineReader =>
      lineReader((line) => options.onLine?.(line, stream));
    this.#readers = { stdout: readerOf('stdout'), stderr: readerOf('stderr') };
  }

  note(stream: 'stdout' | 'stderr', base64: string): void {
    const data = Buffer.from(base64, 'base64');
    this.#text[stream] = (this.#text[stream] + data.toString('latin1')).slice(-outputCharactersMax);
    this.#readers[stream](data);
  }

  end(): { readonly stdout: string; readonly stderr: string } {
    for (const read of Object.values(this.#readers)) read(undefined);
    const decode = (text: string): string => Buffer.from(text, 'latin1').toString();
    return { stdout: decode(this.#text.stdout), stderr: decode(this.#text.stderr) };
  }
}

type LineReader = (data: Buffer | undefined) => void;

/** Calls for each whole line, and at the end for one that has no end. Characters may be cut anywhere. */
function lineReader(onLine: (line: string) => void): LineReader {
  let parts: Buffer[] = [];
  return (data) => {
    if (data === undefined) {
      if (parts.length > 0) onLine(Buffer.concat(parts).toString());
      parts = [];
      return;
    }
    let from = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, from)) {
      onLine(Buffer.concat([...parts, data.subarray(from, end)]).toString());
      parts = [];
      from = end + 1;
    }
    if (from < data.byteLength) parts.push(data.subarray(from));
  };
}
