import type { ScenarioInput } from '../scenario-schema.ts';

/** A ring of 64 pages in 4 segments over as many data blocks: small, so that it wraps all the time. */
const smallRing = {
  use: 'journal',
  with: { ringPages: 64, segmentPages: 16, windowPages: 16, dataBlocks: 64 },
} as const;

/** The same with a flush for every commit instead of FUA writes. */
const smallRingFlushed = {
  use: 'journal',
  with: { ...smallRing.with, durability: 'flush' },
} as const;

function inMode(mode: string, more: Readonly<Record<string, unknown>> = {}) {
  return { use: 'journal', with: { ...smallRing.with, mode, ...more } };
}

const explore = { rounds: 2, states: 3000, nestedStates: 600 } as const;
const fewer = { rounds: 2, states: 1200, nestedStates: 240 } as const;

/** Power is cut at every moment of every workload: nothing acknowledged may be lost. */
const powerCuts: readonly ScenarioInput[] = [
  {
    name: 'power-cut-random-write',
    because: 'an acknowledged write must survive a power cut at any moment (A1, B1)',
    engine: smallRing,
    workload: 'random-write',
    explore,
  },
  {
    name: 'power-cut-sequential-write',
    because: 'a stream of sequential writes must survive as a prefix',
    engine: smallRing,
    workload: 'sequential-write',
    explore,
  },
  {
    name: 'power-cut-hot-spot-512',
    because: 'on 512-byte sectors a journal page can tear, and must be seen as torn',
    engine: smallRing,
    workload: 'hot-spot',
    device: { logicalBlockBytes: 512 },
    explore,
  },
  {
    name: 'power-cut-fsync-heavy-flush',
    because: 'a commit by write and flush must wait for a flush submitted after the write',
    engine: smallRingFlushed,
    workload: 'fsync-heavy',
    explore,
  },
  {
    name: 'power-cut-wrap-around',
    because: 'a ring smaller than the data must never reuse what is not destaged (B4)',
    engine: smallRing,
    workload: 'wrap-around',
    limits: { ops: 300 },
    explore,
  },
  {
    name: 'power-cut-bank',
    because: 'a transfer between accounts moves money whole or not at all (B1)',
    engine: smallRing,
    workload: 'bank',
    explore,
  },
  {
    name: 'power-cut-append-log',
    because: 'the log must come back as a prefix without holes (C8)',
    engine: smallRing,
    workload: 'append-log',
    explore,
  },
  {
    name: 'power-cut-write-through',
    because: 'a drive without a volatile cache needs neither FUA nor flush',
    engine: smallRing,
    workload: 'random-write',
    device: { writeCache: 'none' },
    explore,
  },
  {
    name: 'power-cut-at-op-100',
    because: 'one fault by hand: power is cut while operation 100 is on its way',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'power-cut', at: { op: 100 } }],
    explore,
  },
];

/** Journal and data on two drives: each has room for its part and no more. */
const twoDevices = {
  // The host notices that a drive has gone after 1 ms in one round and after 100 ms in the other.
  seed: 2,
  engine: smallRing,
  device: { capacityBlocks: 1024 },
  dataDevice: { capacityBlocks: 1024 },
  explore: { rounds: 2, states: 1200, nestedStates: 240 },
} as const;

/** One drive's flush says nothing of the other's writes, and one may lose power before the other. */
const twoDevicePowerCuts: readonly ScenarioInput[] = [
  {
    name: 'power-cut-two-devices',
    because: 'the journal must not be given up before the data device has flushed (A2, B4)',
    ...twoDevices,
    workload: 'wrap-around',
    faults: [{ use: 'power-cut', at: { op: 150 } }],
  },
  {
    name: 'power-cut-journal-device-first',
    because: 'what the data device goes on to write must not outrun the journal that it lost',
    ...twoDevices,
    workload: 'random-write',
    // In the middle of the first destage, so that there is much on its way to the other drive.
    faults: [{ use: 'power-cut', at: { area: 'data' }, device: 'main' }],
  },
  {
    name: 'power-cut-data-device-first',
    because: 'what is acknowledged after the data device has gone must lie in the journal (A3)',
    ...twoDevices,
    workload: 'random-write',
    faults: [{ use: 'power-cut', at: { area: 'data' }, device: 'data' }],
  },
];

/**
 * The same writes, flushes and crashes in every mode, so that the reports show them side by side: each
 * is judged by what it promises, and what the weaker ones lose by their leave is counted.
 */
const sideBySide: readonly ScenarioInput[] = [
  ['journal', 'a record that is durable before the acknowledgement loses nothing (A1)'],
  ['ordered', 'data that is durable before its record is never garbage after a crash (B8)'],
  ['undo-redo', 'what was committed is rolled forward, what was not is rolled back (B15)'],
  [
    'writeback',
    'without order between data and record, what was not flushed may show anything (B9)',
  ],
  ['none', 'what a journal is for: without one the same cut loses acknowledged writes (A5)'],
].map(([mode = '', because = '']) => ({
  name: `power-cut-mode-${mode}`,
  because,
  engine: inMode(mode),
  workload: 'fsync-heavy',
  explore: fewer,
}));

/** What the modes do against other faults, beside that. */
const modes: readonly ScenarioInput[] = [
  {
    name: 'power-cut-ordered-bank-512',
    because: 'blocks that move together, and map pages that can tear: all or nothing (B1, C5)',
    engine: inMode('ordered'),
    workload: 'bank',
    device: { logicalBlockBytes: 512 },
    explore: fewer,
  },
  {
    name: 'bit-rot-data-ordered',
    because: 'the block map has a checksum of every block: rot in place is refused, not served',
    engine: inMode('ordered', { dataBlocks: 256 }),
    workload: 'sequential-write',
    limits: { ops: 250 },
    faults: [{ use: 'bit-rot', at: { area: 'data' } }],
    // As bit-rot-data, which it stands beside.
    explore,
  },
  {
    name: 'misdirected-write-data-ordered',
    because: 'one block in the place of another is whole, and only the digest in the map tells',
    engine: inMode('ordered'),
    workload: 'random-write',
    faults: [{ use: 'misdirected-write', at: { area: 'data' } }],
    explore: fewer,
  },
  {
    name: 'flush-error-mode-none',
    because:
      'without a journal too, a flush that failed must never be made good by the next (fsyncgate)',
    engine: inMode('none'),
    workload: 'fsync-heavy',
    faults: [{ use: 'flush-error', at: { flush: 20 } }],
    explore: fewer,
  },
  {
    name: 'bit-rot-journal-mirrored',
    because: 'with every page of the log written twice, one that rots costs nothing (C5)',
    engine: inMode('journal', { doubleWrite: 'full' }),
    workload: 'random-write',
    faults: [{ use: 'bit-rot', at: { area: 'journal' } }],
    // As bit-rot-journal, which it stands beside.
    explore,
  },
];

/** The drive answers with an error, or late: the engine stops and keeps what it acknowledged. */
const honestFaults: readonly ScenarioInput[] = [
  {
    name: 'write-error',
    because: 'a failed journal write must stop the engine, not lose what was acknowledged',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'write-error', at: { op: 60 } }],
    explore,
  },
  {
    name: 'flush-error-once',
    because: 'a flush that failed once must never be retried into a success (fsyncgate)',
    engine: smallRingFlushed,
    workload: 'fsync-heavy',
    faults: [{ use: 'flush-error', at: { flush: 20 } }],
    explore,
  },
  {
    name: 'flush-error-forever',
    because: 'an engine on a drive whose flush fails for good must acknowledge nothing more',
    engine: smallRingFlushed,
    workload: 'fsync-heavy',
    faults: [{ use: 'flush-error', at: { flush: 20 }, times: 'forever' }],
    explore,
  },
  {
    name: 'short-write',
    because: 'a write that was answered short must not count as written',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'short-write', at: { op: 60 } }],
    explore,
  },
  {
    name: 'no-space',
    because: 'a thin device that runs out of space must not leave a hole in the log',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'no-space', at: { op: 60 } }],
    explore,
  },
  {
    name: 'stall',
    because: 'a drive that answers late must not reorder what is acknowledged',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'stall', at: { op: 20 }, times: 5 }],
    explore,
  },
  {
    name: 'write-error-in-recovery',
    because: 'recovery that fails half way must be able to run again (B12)',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'write-error', at: { ms: 0 }, during: 'recovery' }],
    explore: { rounds: 1, states: 1500, nestedStates: 0 },
  },
  {
    name: 'read-error-in-recovery',
    because: 'a sector that cannot be read must be reported, never taken for the end of the log',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'read-error', at: { area: 'journal' }, during: 'recovery' }],
    explore: { rounds: 1, states: 1500, nestedStates: 0 },
  },
];

/** The drive lies or the medium decays: the engine cannot save the data, but must not serve it. */
const detectedFaults: readonly ScenarioInput[] = [
  {
    name: 'lost-write-journal',
    because: 'a journal write that the drive lost must be noticed (B10)',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'lost-write', at: { area: 'journal' } }],
    explore,
  },
  {
    name: 'torn-write-journal',
    because: 'half a journal write that the drive called whole must be noticed',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'torn-write', at: { area: 'journal' } }],
    explore,
  },
  {
    name: 'misdirected-write-journal',
    because: 'a page that is whole but in the wrong place must not be believed',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'misdirected-write', at: { area: 'journal' } }],
    explore,
  },
  {
    name: 'bit-rot-journal',
    because: 'a rotted page in the middle of the log must not be taken for its end (C3)',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'bit-rot', at: { area: 'journal' } }],
    explore,
  },
  {
    name: 'bit-rot-superblock',
    because: 'one rotted superblock copy must cost nothing',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'bit-rot', at: { area: 'superblock' } }],
    explore,
  },
  {
    name: 'stale-read-in-recovery',
    because: 'a read that returns an old version during recovery must not lose what is newer',
    engine: smallRing,
    workload: 'random-write',
    faults: [{ use: 'stale-read', at: { area: 'journal' }, during: 'recovery' }],
    explore: { rounds: 1, states: 1500, nestedStates: 0 },
  },
];

/** Known-bad set-ups: the harness must convict them. */
const expectedFailures: readonly ScenarioInput[] = [
  {
    name: 'lying-flush',
    because: 'a drive that answers a flush without doing it must be seen to lose data',
    engine: smallRingFlushed,
    workload: 'fsync-heavy',
    faults: [{ use: 'lying-flush', at: { flush: 1 }, times: 'forever' }],
    explore,
    expect: {
      verdict: 'fail',
      kinds: ['lost', 'stale', 'reordered', 'recovery-failed'],
      why: 'no engine can make data durable on a drive that ignores flush',
    },
  },
  {
    name: 'bit-rot-data',
    because: 'the data area carries no checksums in this version: rot there is served',
    // Four times the ring, written once: what was destaged and rots is not written again.
    engine: { use: 'journal', with: { ...smallRing.with, dataBlocks: 256 } },
    workload: 'sequential-write',
    limits: { ops: 250 },
    faults: [{ use: 'bit-rot', at: { area: 'data' } }],
    explore,
    expect: {
      verdict: 'fail',
      kinds: ['corrupt', 'torn', 'lost', 'stale'],
      why: 'without a block map a destaged block cannot be checked',
    },
  },
];

const realDevice: readonly ScenarioInput[] = [
  {
    name: 'kill-on-loop-device',
    because:
      'an engine killed in the middle of its writes must come back with what it acknowledged',
    rig: 'device',
    engine: { use: 'journal', with: { ringPages: 1024, segmentPages: 128, dataBlocks: 2048 } },
    workload: 'random-write',
    faults: [{ use: 'kill', at: { op: 200 } }],
    limits: { ops: 4000, queueDepth: 16 },
    explore: { rounds: 4, states: 4, nestedStates: 0 },
  },
];

/** What `npm start` runs: the journal engine under every fault of the twin, and killed for real. */
export const smoke: readonly ScenarioInput[] = [
  ...powerCuts,
  ...sideBySide,
  ...modes,
  ...twoDevicePowerCuts,
  ...honestFaults,
  ...detectedFaults,
  ...expectedFailures,
  ...realDevice,
];
