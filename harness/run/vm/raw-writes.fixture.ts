import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { createRandom, type Random } from '../../contract/index.ts';
import { AlignedMemory } from '../../device/aligned-memory.ts';

const blockBytes = 4096;
const blockCount = 64;
const inFlightMax = 6;

/**
 * Writes a block device, several blocks at once and none of them twice at once. All that was written is waited for
 * before each flush, so that nobody sees more of it covered than another.
 */
export async function writeBlocks(
  node: string,
  { requests, seed }: { readonly requests: number; readonly seed: number },
): Promise<void> {
  const { O_RDWR, O_DIRECT } = fs.constants;
  await using device = await open(node, O_RDWR | O_DIRECT);
  const random = createRandom(seed).fork('raw');
  const memory = new AlignedMemory();
  const running = new Map<number, Promise<unknown>>();
  for (let count = 0; count < requests; count++) {
    if (random.chance(1, 6)) {
      await Promise.all(running.values());
      await device.datasync();
      continue;
    }
    if (running.size >= inFlightMax) await Promise.race(running.values());
    const block = drawBlock(random, running);
    const bytes = blockOf(memory, random);
    const written = device.write(bytes, 0, blockBytes, block * blockBytes);
    running.set(
      block,
      written.finally(() => running.delete(block)),
    );
  }
  await Promise.all(running.values());
  await device.datasync();
}

function drawBlock(random: Random, busy: ReadonlyMap<number, unknown>): number {
  for (;;) {
    const block = random.below(blockCount);
    if (!busy.has(block)) return block;
  }
}

function blockOf(memory: AlignedMemory, random: Random): Uint8Array {
  const bytes = memory.allocate(blockBytes);
  bytes.fill(1 + random.below(255));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, random.uint32());
  return bytes;
}
