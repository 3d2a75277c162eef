import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/**
 * What says that a disk was given to this program to be overwritten. It lies in the last logical
 * block, outside the size that engines are given, as three lines of text padded with zeros: a name,
 * the facts as JSON, and the SHA-256 of the two, so that `strings` shows what the disk is for.
 */
export interface OwnershipStamp {
  readonly uuid: string;
  readonly serial: string;
  readonly byteCount: number;
}

const firstLine = 'powercut owns this device, version 1';

export function encodeStamp(stamp: OwnershipStamp, blockBytes: number): Uint8Array {
  const { uuid, serial, byteCount } = stamp;
  const body = `${firstLine}\n${JSON.stringify({ uuid, serial, byteCount })}\n`;
  const block = new Uint8Array(blockBytes);
  block.set(Buffer.from(`${body}${digestOf(body)}\n`));
  return block;
}

/** Undefined where the block is anything but a whole stamp. */
export function decodeStamp(block: Uint8Array): OwnershipStamp | undefined {
  const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('utf8');
  const [first = '', facts = '', digest = ''] = text.split('\n', 3);
  if (first !== firstLine || digest !== digestOf(`${first}\n${facts}\n`)) return undefined;
  // The digest is right, so these are the facts that encodeStamp wrote.
  return JSON.parse(facts) as OwnershipStamp;
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

/** Opens the device for reading only. */
export async function readStamp(
  path: string,
  byteCount: number,
  blockBytes: number,
): Promise<OwnershipStamp | undefined> {
  await using device = await open(path, 'r');
  const block = Buffer.alloc(blockBytes);
  const { bytesRead } = await device.read(block, 0, blockBytes, byteCount - blockBytes);
  return bytesRead === blockBytes ? decodeStamp(block) : undefined;
}
