import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import * as net from 'node:net';
import {
  blockSizeInfo,
  clientFlagsBytes,
  command,
  exportInfo,
  exportNameAnswer,
  greeting,
  listedName,
  nbdError,
  option,
  optionHeadBytes,
  optionReply,
  optionReplyOf,
  readClientFlags,
  readOptionHead,
  readRequestHead,
  readWantedName,
  requestHeadBytes,
  simpleReply,
  transferBytesMax,
  type ClientFlags,
  type ExportFacts,
  type NbdRequest,
} from './nbd-protocol.ts';
import type { PendingRequest } from './pending-request.ts';
import type { RecordingStore } from './recording-store.ts';

export interface NbdServerOptions {
  /** Of a Unix socket, which must not be there yet; at most 107 bytes (unix(7)). */
  readonly socketPath: string;
  readonly store: RecordingStore;
  /** The name of the export, empty unless given. */
  readonly exportName?: string;
  /**
   * Called when something has been read from a client, before any request in it is submitted: what was known
   * before a request was made is put on record here, and so before it.
   */
  onArrival?(): void;
}

export interface NbdServer extends AsyncDisposable {
  readonly socketPath: string;
}

/**
 * Serves the store to NBD clients: a guest's drive is `-drive driver=nbd,server.type=unix,…` of QEMU.
 * A request is submitted when it has been read and complete just before it is answered; all that has
 * arrived together is in flight together. A request that a fault holds back holds back no other. A
 * flush covers what was answered before it was read, on every connection (doc/proto.md, "Ordering of
 * messages and writes"). Disposal drops the connections; it flushes nothing.
 */
export async function startNbdServer(options: NbdServerOptions): Promise<NbdServer> {
  const { socketPath, store, exportName = '' } = options;
  const facts: ExportFacts = {
    name: exportName,
    byteCount: store.byteCount,
    blockBytes: store.geometry.logicalBlockBytes,
    supportsFua: store.geometry.supportsFua,
  };
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new NbdConnection(socket, options, facts).start();
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    socketPath,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What is read next: so many bytes, and who takes them. Undefined: nothing more is wanted. */
interface Step {
  readonly byteCount: number;
  take(bytes: Buffer): Step | undefined;
}

interface PendingAnswer {
  readonly pending: PendingRequest;
  readonly cookie: Buffer;
  /** What an answer that is no error carries. */
  readonly data: Buffer | undefined;
}

/** Longer than any option that this server knows. */
const optionBytesMax = 64 * 1024;

class NbdConnection {
  readonly #socket: net.Socket;
  readonly #store: RecordingStore;
  readonly #onArrival: () => void;
  readonly #facts: ExportFacts;
  #flags: ClientFlags = { isFixedNewstyle: false, omitsZeroes: false };
  #step: Step | undefined = {
    byteCount: clientFlagsBytes,
    take: (bytes) => this.#hearFlags(bytes),
  };
  #pieces: Buffer[] = [];
  #byteCount = 0;
  #pending: PendingAnswer[] = [];

  constructor(socket: net.Socket, options: NbdServerOptions, facts: ExportFacts) {
    this.#socket = socket;
    this.#store = options.store;
    this.#onArrival = () => options.onArrival?.();
    this.#facts = facts;
  }

  start(): void {
    // A client that goes without a word is one that was killed: nothing is owed to it.
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (piece: Buffer) => {
      this.#hear(piece);
    });
    this.#socket.write(greeting());
  }

  #hear(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
    this.#onArrival();
    while (this.#step !== undefined && this.#byteCount >= this.#step.byteCount) {
      this.#step = this.#step.take(this.#read(this.#step.byteCount));
    }
    this.#answerAll();
    if (this.#step === undefined) this.#socket.end();
  }

  /** A copy of its own: what a write carries is kept, and the pieces are larger than that. */
  #read(byteCount: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(byteCount);
    let done = 0;
    while (done < byteCount) {
      const first = this.#pieces[0]!;
      const count = Math.min(first.length, byteCount - done);
      first.copy(bytes, done, 0, count);
      done += count;
      if (count === first.length) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(count);
    }
    this.#byteCount -= byteCount;
    return bytes;
  }

  #hearFlags(bytes: Buffer): Step | undefined {
    this.#flags = readClientFlags(bytes);
    return this.#flags.isFixedNewstyle ? this.#optionStep() : undefined;
  }

  #optionStep(): Step {
    return { byteCount: optionHeadBytes, take: (head) => this.#hearOption(head) };
  }

  #hearOption(bytes: Buffer): Step | undefined {
    const head = readOptionHead(bytes);
    if (head === undefined || head.byteCount > optionBytesMax) return undefined;
    return {
      byteCount: head.byteCount,
      take: (data) => this.#answerOption(head.option, data),
    };
  }

  #answerOption(asked: number, data: Buffer): Step | undefined {
    switch (asked) {
      case option.exportName:
        if (data.toString('utf8') !== this.#facts.name) return undefined;
        this.#socket.write(exportNameAnswer(this.#facts, this.#flags));
        return this.#requestStep();
      case option.abort:
        this.#reply(asked, optionReply.ack);
        return undefined;
      case option.list:
        this.#reply(asked, optionReply.server, listedName(this.#facts));
        this.#reply(asked, optionReply.ack);
        return this.#optionStep();
      case option.info:
      case option.go:
        return this.#answerInfo(asked, data);
      default:
        this.#reply(asked, optionReply.unsupported);
        return this.#optionStep();
    }
  }

  #answerInfo(asked: number, data: Buffer): Step {
    const name = readWantedName(data);
    if (name !== this.#facts.name) {
      this.#reply(asked, name === undefined ? optionReply.invalid : optionReply.unknown);
      return this.#optionStep();
    }
    this.#reply(asked, optionReply.info, exportInfo(this.#facts));
    this.#reply(asked, optionReply.info, blockSizeInfo(this.#facts));
    this.#reply(asked, optionReply.ack);
    return asked === option.go ? this.#requestStep() : this.#optionStep();
  }

  #reply(to: number, type: number, data?: Buffer): void {
    this.#socket.write(optionReplyOf(to, type, data));
  }

  #requestStep(): Step {
    return { byteCount: requestHeadBytes, take: (head) => this.#hearRequest(head) };
  }

  #hearRequest(bytes: Buffer): Step | undefined {
    const request = readRequestHead(bytes);
    if (request === undefined || request.command === command.disconnect) return undefined;
    const { byteCount } = request;
    if (request.command === command.write) {
      if (byteCount > transferBytesMax) return undefined;
      return { byteCount, take: (payload) => this.#begin(request, payload) };
    }
    return this.#begin(request, undefined);
  }

  #begin(request: NbdRequest, payload: Buffer | undefined): Step {
    const { cookie, byteCount } = request;
    const isRead = request.command === command.read && byteCount <= transferBytesMax;
    const data = isRead ? Buffer.allocUnsafeSlow(byteCount) : undefined;
    const pending = this.#submit(request, payload ?? data);
    this.#pending.push({ pending, cookie, data });
    return this.#requestStep();
  }

  #submit(request: NbdRequest, memory: Buffer | undefined): PendingRequest {
    const { byteOffset, byteCount, fua } = request;
    const store = this.#store;
    switch (request.command) {
      case command.read:
        return memory === undefined ? invalid : store.read(byteOffset, memory);
      case command.write:
        return store.write(byteOffset, memory!, fua);
      case command.flush:
        return store.flush();
      case command.trim:
        return store.discard(byteOffset, byteCount);
      case command.writeZeroes:
        return store.writeZeros(byteOffset, byteCount, fua);
      default:
        return invalid;
    }
  }

  #answerAll(): void {
    const all = this.#pending.splice(0);
    if (all.length === 0) return;
    this.#socket.cork();
    for (const answer of all) {
      const { stallNs } = answer.pending;
      if (stallNs === 0) this.#answer(answer);
      else
        setTimeout(() => {
          this.#answer(answer);
        }, stallNs / 1e6);
    }
    this.#socket.uncork();
  }

  #answer({ pending, cookie, data }: PendingAnswer): void {
    const answer = pending.finish();
    if (this.#socket.destroyed) return;
    this.#socket.write(simpleReply(cookie, nbdError[answer]));
    if (answer === 'ok' && data !== undefined) this.#socket.write(data);
  }
}

const invalid: PendingRequest = { stallNs: 0, finish: () => 'EINVAL' };
