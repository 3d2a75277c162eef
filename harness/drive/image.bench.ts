import { microBenchmark } from '../measure/benchmark.ts';
import { createImage } from './image.ts';

const geometry = {
  logicalBlockBytes: 4096,
  capacityBlocks: 16384,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
} as const;
const blockBytes = 4096;

export default microBenchmark('copy-on-write image', (bench) => {
  const image = createImage(geometry, 1);
  const bytes = new Uint8Array(64 * blockBytes).fill(7);
  image.writeBytes(0, bytes);
  bench.add('fork', () => {
    image.fork();
  });
  bench.add('fork and write one block', () => {
    image.fork().writeBytes(5 * blockBytes, bytes.subarray(0, blockBytes));
  });
  bench.add('read 64 blocks', () => {
    image.read(0, bytes);
  });
});
