import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { FuseSession, requestBytesMax } from './fuse-session.ts';
import {
  fallocateRequest,
  fuseRequest,
  initRequest,
  transferRequest,
} from './fuse-requests.fixture.ts';
import { blocksOf, createStore, storeGeometry, storyOf } from './store.fixture.ts';

const byteCount = storeGeometry.capacityBlocks * storeGeometry.logicalBlockBytes;

function start(discards = true) {
  const { store } = createStore();
  const session = new FuseSession(store, { discards });
  /** A copy: the session reuses the memory of its answers. */
  const ask = (request: Buffer): Buffer => Buffer.from(session.receive(request)!.finish());
  return { store, session, ask };
}

function headOf(answer: Buffer): { length: number; error: number; unique: bigint } {
  return {
    length: answer.readUInt32LE(0),
    error: answer.readInt32LE(4),
    unique: answer.readBigUInt64LE(8),
  };
}

describe('the file that is served over FUSE', () => {
  it('is agreed on with asynchronous direct I/O and transfers of a mebibyte', () => {
    const answer = start().ask(initRequest(0xffff_ffff));
    expect(headOf(answer)).toEqual({ length: 80, error: 0, unique: 2n });
    const body = answer.subarray(16);
    expect([body.readUInt32LE(0), body.readUInt32LE(4)]).toEqual([7, 38]);
    // FUSE_ASYNC_READ, FUSE_BIG_WRITES, FUSE_ASYNC_DIO, FUSE_MAX_PAGES.
    expect(body.readUInt32LE(12)).toBe((1 << 0) | (1 << 5) | (1 << 15) | (1 << 22));
    expect(body.readUInt16LE(16)).toBeGreaterThan(64);
    expect(body.readUInt32LE(20)).toBe(1024 * 1024);
    expect(body.readUInt16LE(28)).toBe(256);
    expect(requestBytesMax).toBeGreaterThanOrEqual(1024 * 1024 + 80);
  });

  it('promises nothing that the kernel does not offer', () => {
    expect(
      start()
        .ask(initRequest(1))
        .readUInt32LE(16 + 12),
    ).toBe(1);
  });

  it('is a regular file of the size of the drive', () => {
    const answer = start().ask(fuseRequest(3, 5n, Buffer.alloc(16)));
    expect(headOf(answer)).toEqual({ length: 120, error: 0, unique: 5n });
    const attributes = answer.subarray(32);
    expect(attributes.readBigUInt64LE(0)).toBe(1n);
    expect(attributes.readBigUInt64LE(8)).toBe(BigInt(byteCount));
    expect(attributes.readUInt32LE(60)).toBe(0o100600);
    expect(attributes.readUInt32LE(64)).toBe(1);
  });

  it('is opened past the page cache', () => {
    const answer = start().ask(fuseRequest(14, 5n, Buffer.alloc(8)));
    expect(headOf(answer).length).toBe(32);
    expect(answer.readUInt32LE(24) & 1).toBe(1);
  });

  it('is written and read, and the number of a request comes back', () => {
    const { ask } = start();
    const written = ask(transferRequest('write', 1024n, blocksOf(7, 2)));
    expect(headOf(written)).toEqual({ length: 24, error: 0, unique: 0x1122334455667788n });
    expect(written.readUInt32LE(16)).toBe(1024);
    const read = ask(transferRequest('read', 1536n, 1024));
    expect(headOf(read).length).toBe(16 + 1024);
    expect([read[16], read[16 + 511]]).toEqual([7, 7]);
    expect(read.toString('latin1', 16 + 512, 16 + 520)).toBe('FOREIGN!');
  });

  it('flushes the drive on fsync', () => {
    const { store, ask } = start();
    expect(headOf(ask(fuseRequest(20, 5n, Buffer.alloc(16))))).toMatchObject({ error: 0 });
    expect(storyOf(store.history.events)).toEqual(['S flush 0', 'C flush ok persisted']);
  });

  it('has requests that were read together in flight together', () => {
    const { store, session } = start();
    const write = session.receive(transferRequest('write', 0n, blocksOf(1)))!;
    const flush = session.receive(fuseRequest(20, 5n, Buffer.alloc(16)))!;
    write.finish();
    flush.finish();
    expect(storyOf(store.history.events)).toEqual([
      'S write 0',
      'S flush 0',
      'C write ok whole',
      'C flush ok persisted',
    ]);
  });

  it.each([
    ['punched (KEEP_SIZE, PUNCH_HOLE)', 0x3, 0],
    ['zeroed (KEEP_SIZE, ZERO_RANGE)', 0x11, 0],
    ['allocated, which means nothing here', 0x0, -95],
  ])('holds zeros where it is %s', (_, mode, error) => {
    const { ask } = start();
    ask(transferRequest('write', 0n, blocksOf(1, 2)));
    expect(headOf(ask(fallocateRequest(0n, 512n, mode))).error).toBe(error);
    const read = ask(transferRequest('read', 0n, 1024));
    expect([read[16], read[16 + 512]]).toEqual([error === 0 ? 0 : 1, 1]);
  });

  it('declines to make holes unless it was told to', () => {
    const { ask, store } = start(false);
    expect(headOf(ask(fallocateRequest(0n, 512n, 0x3))).error).toBe(-95);
    expect(store.history.end).toBe(0);
  });

  it('answers a power cut with EIO, and what it does not know with ENOSYS', () => {
    const { store, ask } = start();
    store.cut();
    expect(headOf(ask(transferRequest('write', 0n, blocksOf(1))))).toMatchObject({
      length: 16,
      error: -5,
    });
    expect(headOf(ask(fuseRequest(46, 5n, Buffer.alloc(24)))).error).toBe(-38);
  });

  it('answers neither FORGET nor INTERRUPT', () => {
    const { session } = start();
    expect(session.receive(fuseRequest(2, 0n, Buffer.alloc(8)))).toBeUndefined();
    expect(session.receive(fuseRequest(36, 3n, Buffer.alloc(8)))).toBeUndefined();
  });

  it('refuses what lies past its end, however far', () => {
    const { ask } = start();
    const far = 2n ** 63n - 4096n;
    expect(headOf(ask(transferRequest('write', far, blocksOf(1)))).error).toBe(-22);
  });
});
