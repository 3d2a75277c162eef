/** A client of the network block device protocol, written from its document and not from the server. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import * as net from 'node:net';

export interface NbdAnswer {
  readonly cookie: bigint;
  readonly error: number;
}

interface RequestOptions {
  readonly fua?: boolean;
  readonly payload?: Uint8Array;
}

export class NbdClient implements Disposable {
  readonly #socket: net.Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.#received = Buffer.concat([this.#received, piece]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connected, greeted, and with its flags said. */
  static async connect(socketPath: string, clientFlags = 3): Promise<NbdClient> {
    const socket = net.connect(socketPath);
    await once(socket, 'connect');
    const client = new NbdClient(socket);
    const hello = await client.receive(18);
    if (hello.toString('latin1', 0, 16) !== 'NBDMAGICIHAVEOPT')
      throw new Error('not an NBD server');
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(clientFlags);
    client.send(flags);
    return client;
  }

  /** The size of the export, by NBD_OPT_GO. */
  static async go(socketPath: string): Promise<NbdClient> {
    const client = await NbdClient.connect(socketPath);
    client.option(7, Buffer.alloc(6));
    while ((await client.optionReply()).type !== 1);
    return client;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Rejects when the server hangs up first. */
  async receive(byteCount: number): Promise<Buffer> {
    while (this.#received.length < byteCount) {
      if (this.#isClosed) throw new Error('the server has hung up');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#received.subarray(0, byteCount);
    this.#received = this.#received.subarray(byteCount);
    return bytes;
  }

  option(number: number, data: Uint8Array = new Uint8Array(0)): void {
    const head = Buffer.alloc(16);
    head.write('IHAVEOPT', 'latin1');
    head.writeUInt32BE(number, 8);
    head.writeUInt32BE(data.length, 12);
    this.send(Buffer.concat([head, data]));
  }

  async optionReply(): Promise<{ option: number; type: number; data: Buffer }> {
    const head = await this.receive(20);
    if (head.readBigUInt64BE(0) !== 0x3e889045565a9n) throw new Error('not an option reply');
    const data = await this.receive(head.readUInt32BE(16));
    return { option: head.readUInt32BE(8), type: head.readUInt32BE(12), data };
  }

  request(
    command: number,
    cookie: bigint,
    range: { readonly byteOffset: number; readonly byteCount: number },
    { fua = false, payload = new Uint8Array(0) }: RequestOptions = {},
  ): Buffer {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(0x25609513, 0);
    head.writeUInt16BE(fua ? 1 : 0, 4);
    head.writeUInt16BE(command, 6);
    head.writeBigUInt64BE(cookie, 8);
    head.writeBigUInt64BE(BigInt(range.byteOffset), 16);
    head.writeUInt32BE(range.byteCount, 24);
    return Buffer.concat([head, payload]);
  }

  async answer(): Promise<NbdAnswer> {
    const head = await this.receive(16);
    if (head.readUInt32BE(0) !== 0x67446698) throw new Error('not a simple reply');
    return { error: head.readUInt32BE(4), cookie: head.readBigUInt64BE(8) };
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
