import { microBenchmark } from '../measure/benchmark.ts';
import { inspectBlock, writeStamp } from './block-stamp.ts';
import { crc32c } from './crc32c.ts';

const block = new Uint8Array(4096);
const stamp = { seed: 1, block: 7, op: 42, writer: 3, epoch: 1, value: 0 };

export default microBenchmark('block stamp, 4 KiB', (bench) => {
  writeStamp(block, stamp);
  bench.add('crc32c', () => {
    crc32c(block);
  });
  bench.add('write a stamp', () => {
    writeStamp(block, stamp);
  });
  bench.add('inspect a block', () => {
    inspectBlock(block, stamp.block, stamp.seed);
  });
});
