import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { startNbdServer, type NbdServer } from './nbd.ts';
import { NbdClient } from './nbd-client.fixture.ts';
import type { RecordingStore } from './recording-store.ts';
import { blocksOf, createStore, storeGeometry, storyOf } from './store.fixture.ts';

const command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 };
const none = { byteOffset: 0, byteCount: 0 };
const exportBytes = storeGeometry.capacityBlocks * storeGeometry.logicalBlockBytes;

let folder = '';
let socketPath = '';
let store: RecordingStore;
let server: NbdServer;

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-nbd-'));
  socketPath = path.join(folder, 'socket');
  ({ store } = createStore());
  server = await startNbdServer({ socketPath, store });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  expect(fs.readdirSync(folder)).toEqual([]);
  fs.rmdirSync(folder);
});

function range(block: number, count = 1): { byteOffset: number; byteCount: number } {
  return { byteOffset: block * 512, byteCount: count * 512 };
}

describe('the handshake', () => {
  it('tells size and abilities of the export on NBD_OPT_GO', async () => {
    using client = await NbdClient.connect(socketPath);
    client.option(7, Buffer.alloc(6));
    const information = await client.optionReply();
    expect(information).toMatchObject({ option: 7, type: 3 });
    expect(information.data.readUInt16BE(0)).toBe(0);
    expect(information.data.readBigUInt64BE(2)).toBe(BigInt(exportBytes));
    // HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, SEND_WRITE_ZEROES.
    expect(information.data.readUInt16BE(10)).toBe(1 | 4 | 8 | 32 | 64);
    const sizes = await client.optionReply();
    expect([sizes.data.readUInt16BE(0), sizes.data.readUInt32BE(2)]).toEqual([3, 512]);
    expect(await client.optionReply()).toMatchObject({ option: 7, type: 1 });
    client.send(client.request(command.flush, 9n, none));
    expect(await client.answer()).toEqual({ error: 0, cookie: 9n });
  });

  it('goes by the old name, with and without the zeroes', async () => {
    for (const [flags, zeroes] of [
      [3, 0],
      [1, 124],
    ] as const) {
      using client = await NbdClient.connect(socketPath, flags);
      client.option(1);
      const answer = await client.receive(10 + zeroes);
      expect(answer.readBigUInt64BE(0)).toBe(BigInt(exportBytes));
      client.send(client.request(command.flush, 1n, none));
      expect(await client.answer()).toMatchObject({ cookie: 1n });
    }
  });

  it('lists the export, declines what it does not know, and goes on', async () => {
    using client = await NbdClient.connect(socketPath);
    client.option(8);
    expect((await client.optionReply()).type).toBe(2 ** 31 + 1);
    client.option(3);
    expect(await client.optionReply()).toMatchObject({ type: 2, data: Buffer.alloc(4) });
    expect(await client.optionReply()).toMatchObject({ type: 1 });
    const unknown = Buffer.alloc(7);
    unknown.writeUInt32BE(1, 0);
    unknown.write('x', 4);
    client.option(7, unknown);
    expect((await client.optionReply()).type).toBe(2 ** 31 + 6);
    client.option(7, Buffer.from([0, 0, 0, 99, 0, 0]));
    expect((await client.optionReply()).type).toBe(2 ** 31 + 3);
    client.option(2);
    expect((await client.optionReply()).type).toBe(1);
    await expect(client.receive(1)).rejects.toThrow(/hung up/);
  });

  it.each([
    ['an option that is none', Buffer.alloc(16)],
    ['an option without end', Buffer.from('IHAVEOPT\0\0\0\u0007\u0001\0\0\0', 'latin1')],
  ])('hangs up on %s', async (_, bytes) => {
    using client = await NbdClient.connect(socketPath);
    client.send(bytes);
    await expect(client.receive(1)).rejects.toThrow(/hung up/);
  });

  it('hangs up on a client of the old style', async () => {
    using client = await NbdClient.connect(socketPath, 0);
    await expect(client.receive(1)).rejects.toThrow(/hung up/);
  });
});

describe('requests', () => {
  it('write and read, with FUA, zeros and trims', async () => {
    using client = await NbdClient.go(socketPath);
    client.send(client.request(command.write, 1n, range(2, 2), { payload: blocksOf(5, 2) }));
    client.send(client.request(command.write, 2n, range(3), { fua: true, payload: blocksOf(6) }));
    client.send(client.request(command.writeZeroes, 3n, range(2)));
    client.send(client.request(command.trim, 4n, range(9)));
    for (const cookie of [1n, 2n, 3n, 4n]) {
      expect(await client.answer()).toEqual({ error: 0, cookie });
    }
    client.send(client.request(command.read, 5n, range(2, 2)));
    expect(await client.answer()).toEqual({ error: 0, cookie: 5n });
    const data = await client.receive(1024);
    expect([data[0], data[512], data[1023]]).toEqual([0, 6, 6]);
    expect([...store.history.writes].map(({ durable }) => durable)).toEqual([false, true, false]);
    expect([...store.history.discards]).toMatchObject([{ firstUnit: 9, unitCount: 1 }]);
  });

  it('that arrive together are in flight together', async () => {
    using client = await NbdClient.go(socketPath);
    client.send(
      Buffer.concat([
        client.request(command.write, 1n, range(0), { payload: blocksOf(1) }),
        client.request(command.flush, 2n, none),
      ]),
    );
    expect([await client.answer(), await client.answer()]).toMatchObject([
      { cookie: 1n },
      { cookie: 2n },
    ]);
    client.send(client.request(command.flush, 3n, none));
    await client.answer();
    expect(storyOf(store.history.events)).toEqual([
      'S write 0',
      'S flush 0',
      'C write ok whole',
      'C flush ok persisted',
      'S flush 0',
      'C flush ok persisted',
    ]);
  });

  it('are put together from whatever pieces they arrive in', async () => {
    using client = await NbdClient.go(socketPath);
    const bytes = client.request(command.write, 1n, range(0, 3), { payload: blocksOf(8, 3) });
    for (const piece of [bytes.subarray(0, 5), bytes.subarray(5, 700), bytes.subarray(700)]) {
      client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await client.answer()).toEqual({ error: 0, cookie: 1n });
    expect([...store.history.writes][0]!.payload.every((byte) => byte === 8)).toBe(true);
  });

  it('that cannot be are answered with EINVAL, and the connection goes on', async () => {
    using client = await NbdClient.go(socketPath);
    const past = { byteOffset: exportBytes, byteCount: 512 };
    const huge = { byteOffset: 0, byteCount: 2 ** 32 - 512 };
    for (const bytes of [
      client.request(command.read, 1n, past),
      client.request(command.read, 2n, huge),
      client.request(
        command.write,
        3n,
        { byteOffset: 1, byteCount: 1 },
        { payload: blocksOf(1).subarray(0, 1) },
      ),
      client.request(99, 4n, none),
    ]) {
      client.send(bytes);
      expect((await client.answer()).error).toBe(22);
    }
    client.send(client.request(command.flush, 5n, none));
    expect((await client.answer()).error).toBe(0);
  });

  it('fail with EIO once the power is cut', async () => {
    using client = await NbdClient.go(socketPath);
    store.cut();
    client.send(client.request(command.write, 1n, range(0), { payload: blocksOf(1) }));
    expect((await client.answer()).error).toBe(5);
    expect(store.history.end).toBe(0);
  });

  it('that a fault holds back hold back no others', async () => {
    using client = await NbdClient.go(socketPath);
    store.arm(
      {
        fault: 'stall',
        faultClass: 'slow-device',
        effect: { kind: 'stall', delayNs: 50_000_000 },
        moment: { atFlush: 1 },
        times: 1,
      },
      createRandom(1),
    );
    store.beginWorkload();
    client.send(client.request(command.flush, 1n, none));
    client.send(client.request(command.read, 2n, range(0)));
    expect((await client.answer()).cookie).toBe(2n);
    await client.receive(512);
    expect((await client.answer()).cookie).toBe(1n);
  });

  it('end with a disconnect, or with what is no request', async () => {
    for (const bytes of [Buffer.alloc(28), undefined]) {
      using client = await NbdClient.go(socketPath);
      client.send(bytes ?? client.request(command.disconnect, 1n, none));
      await expect(client.receive(1)).rejects.toThrow(/hung up/);
    }
  });
});
