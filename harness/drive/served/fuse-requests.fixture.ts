/** Requests as the kernel writes them to /dev/fuse, put together without the code under test. */
import { Buffer } from 'node:buffer';

export function fuseRequest(opcode: number, unique: bigint, args: Uint8Array): Buffer {
  const head = Buffer.alloc(40);
  head.writeUInt32LE(40 + args.length, 0);
  head.writeUInt32LE(opcode, 4);
  head.writeBigUInt64LE(unique, 8);
  head.writeBigUInt64LE(1n, 16);
  return Buffer.concat([head, args]);
}

export function initRequest(flags: number): Buffer {
  const args = Buffer.alloc(64);
  args.writeUInt32LE(7, 0);
  args.writeUInt32LE(45, 4);
  args.writeUInt32LE(131_072, 8);
  args.writeUInt32LE(flags >>> 0, 12);
  return fuseRequest(26, 2n, args);
}

export function transferRequest(
  kind: 'read' | 'write',
  byteOffset: bigint,
  bytes: number | Uint8Array,
): Buffer {
  const args = Buffer.alloc(40);
  args.writeBigUInt64LE(byteOffset, 8);
  args.writeUInt32LE(typeof bytes === 'number' ? bytes : bytes.length, 16);
  const payload = typeof bytes === 'number' ? new Uint8Array(0) : bytes;
  return fuseRequest(
    kind === 'read' ? 15 : 16,
    0x1122334455667788n,
    Buffer.concat([args, payload]),
  );
}

export function fallocateRequest(byteOffset: bigint, byteCount: bigint, mode: number): Buffer {
  const args = Buffer.alloc(32);
  args.writeBigUInt64LE(byteOffset, 8);
  args.writeBigUInt64LE(byteCount, 16);
  args.writeUInt32LE(mode, 24);
  return fuseRequest(43, 9n, args);
}
