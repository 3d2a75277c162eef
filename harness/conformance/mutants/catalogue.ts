/**
 * The planted bugs that the harness must convict, each with the scenario that shows it. A mutant is a
 * patch of the same name beside this file; the numbers are those of the project's mutant list.
 */
import type { Scenario, ViolationKind } from '../../contract/index.ts';
import { journalScenario, type JournalScenarioOptions } from '../journal-scenarios.ts';

export interface Mutant {
  readonly patch: string;
  readonly bug: string;
  /** What at least one conviction must be. */
  readonly kinds: readonly ViolationKind[];
  readonly scenario: Scenario;
}

/** Every mutant must fall within so many crash states, at seed 1. */
export const statesMax = 20_000;

type Showcase = Omit<JournalScenarioOptions, 'name' | 'seed'>;

const randomWrites: Showcase = { workload: 'random-write' };
const flushed: Showcase = { workload: 'fsync-heavy', durability: 'flush' };

function mutant(
  patch: string,
  bug: string,
  kinds: readonly ViolationKind[],
  showcase: Showcase,
): Mutant {
  const options = { ...showcase, name: patch.toLowerCase(), seed: 1, states: statesMax };
  return { patch, bug, kinds, scenario: journalScenario(options) };
}

function fault(
  use: string,
  at: Scenario['faults'][number]['at'],
  times: number | 'forever' = 1,
  options?: unknown,
): Scenario['faults'] {
  return [
    { use, at, times, during: 'workload', ...(options === undefined ? {} : { with: options }) },
  ];
}

export const mutants: readonly Mutant[] = [
  mutant('M01-ack-on-enqueue', 'acknowledges before anything is written', ['lost'], randomWrites),
  mutant('M02-ack-without-flush', 'acknowledges a write that is still in the cache', ['lost'], {
    ...flushed,
  }),
  mutant('M03-ack-before-flush-ends', 'sends the flush and does not wait for it', ['lost'], {
    ...flushed,
  }),
  mutant(
    'M05-record-before-data',
    'says where data lies before the data is durable there',
    ['lost', 'stale'],
    { ...flushed, engine: { mode: 'ordered' } },
  ),
  mutant(
    'M08-no-checksum',
    'takes torn pages and records for whole ones',
    ['torn', 'corrupt', 'lost', 'recovery-failed'],
    { workload: 'random-write', logicalBlockBytes: 512 },
  ),
  mutant(
    'M09-checksum-of-header-only',
    'checks envelope and header, not the contents',
    ['torn', 'corrupt', 'lost', 'recovery-failed'],
    { workload: 'random-write', logicalBlockBytes: 512 },
  ),
  mutant(
    'M12-previous-lap-accepted',
    'reads on into pages of the lap before',
    ['stale', 'lost', 'resurrected', 'recovery-failed'],
    { workload: 'wrap-around', ops: 300 },
  ),
  mutant(
    'M14-head-overwrites-tail',
    'writes over what has not been destaged',
    ['lost', 'stale', 'recovery-failed'],
    { workload: 'wrap-around', ops: 300 },
  ),
  mutant(
    'M16-tail-moves-before-data-flush',
    'gives journal space up before the data is durable',
    ['lost', 'stale'],
    { workload: 'wrap-around', ops: 300 },
  ),
  mutant(
    'M18-recovery-claims-without-flush',
    'empties the log before what it replayed is durable',
    ['lost', 'stale', 'recovery-not-idempotent'],
    { workload: 'random-write', nestedStates: statesMax / 2 },
  ),
  mutant(
    'M20-replay-goes-on-past-a-gap',
    'skips what is damaged and replays what follows',
    ['lost', 'stale'],
    { workload: 'random-write', faults: fault('bit-rot', { atArea: 'journal' }) },
  ),
  mutant(
    'M22-append-after-torn-tail',
    'starts no new epoch, so pages behind a torn tail come back to life',
    ['lost', 'stale', 'resurrected', 'recovery-failed', 'recovery-not-idempotent'],
    { workload: 'random-write', nestedStates: statesMax / 2 },
  ),
  mutant(
    'M25-in-place-before-copies-are-durable',
    'writes map pages in place while their second copies are in the cache',
    ['recovery-failed'],
    { ...flushed, logicalBlockBytes: 512, engine: { mode: 'ordered' } },
  ),
  mutant('M29-flush-error-swallowed', 'acknowledges although the flush failed', ['lost'], {
    ...flushed,
    faults: fault('flush-error', { atFlush: 20 }, 'forever'),
  }),
  mutant('M30-flush-retried', 'takes a second flush for the one that failed', ['lost', 'stale'], {
    ...flushed,
    faults: fault('flush-error', { atFlush: 20 }, 1, { drops: true }),
  }),
  mutant(
    'M36-damage-taken-for-end',
    'takes a damaged page for the end of the log',
    ['lost', 'stale'],
    { workload: 'random-write', faults: fault('bit-rot', { atArea: 'journal' }) },
  ),
  mutant(
    'M37-misplaced-page-accepted',
    'believes a whole page in the wrong place',
    ['lost', 'stale', 'resurrected'],
    { workload: 'random-write', faults: fault('misdirected-write', { atArea: 'journal' }) },
  ),
  mutant(
    'M45-logged-place-taken-for-free',
    'gives out a place that was free when they were last listed, and that the log has taken since',
    ['recovery-failed'],
    { ...flushed, engine: { mode: 'ordered' } },
  ),
];
