import { microBenchmark } from '../measure/benchmark.ts';
import { createLedger } from './ack-ledger.ts';

/** As long as a scenario's: a ledger that only grew would measure the memory of the machine. */
const entriesMax = 10_000;
const op = { kind: 'write', block: 7, blockCount: 1 } as const;

export default microBenchmark('ledger of acknowledgements', (bench) => {
  let ledger = createLedger({ seed: 1 });
  let entries = 0;
  bench.add('append: an operation invoked and settled', () => {
    if (entries++ === entriesMax) {
      ledger = createLedger({ seed: 1 });
      entries = 1;
    }
    const id = ledger.invoke(op, 0, entries);
    ledger.settle(id, { status: 'acknowledged' }, entries);
  });
});
