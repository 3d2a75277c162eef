import { microBenchmark } from '../../../harness/measure/benchmark.ts';
import { crc32c } from '../../../harness/ledger/crc32c.ts';
import { emptyPageHeader, PageCodec, pageRunOf, pageSizes } from './page.ts';

/** A batch in one buffer, so that pages do not stay in the nearest cache. */
const batchPages = 64;

export default microBenchmark('pages of the journal', (bench) => {
  for (const pageBytes of pageSizes) {
    const identity = { uuid: new Uint8Array(16).fill(3), salt: 5 };
    const run = pageRunOf(new Uint8Array(batchPages * pageBytes));
    const header = { ...emptyPageHeader(1), used: 4000 };
    for (const atomicUnitBytes of [pageBytes, 512]) {
      const codec = new PageCodec(identity, { pageBytes, atomicUnitBytes }, crc32c);
      const kind = codec.isStamped ? ', sectors stamped' : '';
      let page = 0;
      bench.add(`seal a page of ${pageBytes} bytes${kind}`, () => {
        codec.seal(run, (page++ % batchPages) * pageBytes, header);
      });
      bench.add(`check a page of ${pageBytes} bytes${kind}`, () => {
        codec.isWhole(run, (page++ % batchPages) * pageBytes);
      });
    }
  }
});
