import { createRandom } from '../../contract/index.ts';
import { microBenchmark } from '../benchmark.ts';
import { FlashTranslation } from './flash-translation.ts';

export default microBenchmark('flash translation layer, greedy', (bench) => {
  const random = createRandom(1);
  const flash = new FlashTranslation({
    pageBytes: 4096,
    pagesPerEraseBlock: 256,
    userPages: 256 * 256,
    overProvisioning: 0.07,
  });
  for (let page = 0; page < flash.shape.userPages; page++) flash.write(page);
  bench.add('write a page at random, with the copies that this costs', () => {
    flash.write(random.below(flash.shape.userPages));
  });
});
