import type { ScenarioInput } from '../scenario-schema.ts';

/** The smallest drive on which both ext4 and XFS can be made: every state of it is mounted. */
const device = { capacityBlocks: 16_384 } as const;
const limits = { ops: 80, durationMs: 180_000 } as const;
const explore = { rounds: 1, states: 400 } as const;
const common = { rig: 'fuse', device, limits, explore } as const;

/** File systems of this kernel, on the twin: every crash is recovered by mounting it. */
const onTwin: readonly ScenarioInput[] = [
  {
    ...common,
    name: 'ext4-ordered',
    because: 'what was synced survives, and names are those of one moment (B8)',
    engine: { use: 'ext4', with: { data: 'ordered' } },
    workload: 'file-mix',
  },
  {
    ...common,
    name: 'ext4-journal',
    because: 'data=journal writes data twice and promises no less than ordered (B6)',
    engine: { use: 'ext4', with: { data: 'journal' } },
    workload: 'file-mix',
  },
  {
    ...common,
    name: 'ext4-writeback',
    because: 'data=writeback may show what the medium held where nothing was synced (B9)',
    engine: { use: 'ext4', with: { data: 'writeback' } },
    workload: 'file-mix',
  },
  {
    ...common,
    name: 'xfs',
    because: 'metadata journaling with delayed logging keeps what was synced (B17)',
    engine: 'xfs',
    workload: 'file-mix',
  },
  {
    ...common,
    name: 'ext4-nobarrier',
    because: 'a file system that sends no flush cannot keep what a volatile cache holds',
    engine: { use: 'ext4', with: { barrier: false } },
    workload: 'file-mix',
    expect: {
      verdict: 'fail',
      kinds: [
        'lost',
        'stale',
        'zeroed',
        'torn',
        'exposed',
        'corrupt',
        'inconsistent',
        'reordered',
        'recovery-failed',
        'resurrected',
        'misdirected',
      ],
      why: 'nobarrier acknowledges an fsync that the drive may still lose',
    },
  },
];

const inGuest = {
  rig: 'vm',
  device,
  limits: { ops: 40, durationMs: 300_000 },
} as const;

const logged = { ...inGuest, explore: { rounds: 1, states: 40 } } as const;
const cut = { ...inGuest, explore: { rounds: 2, states: 2 } } as const;

/** The kernel's own targets, in a machine that has device-mapper. */
const onMapping: readonly ScenarioInput[] = [
  {
    ...cut,
    name: 'dm-flakey-ext4',
    because: 'what was synced is on the drive when the kernel above it dies (K3)',
    engine: 'ext4',
    workload: 'file-mix',
    faults: [{ use: 'dm-flakey', at: { op: 30 } }],
  },
  {
    ...logged,
    name: 'dm-log-writes-ext4',
    because: 'no state that the log of the drive proves legal loses what was synced (K3)',
    engine: 'ext4',
    workload: 'file-mix',
    faults: [{ use: 'dm-log-writes', at: { op: 40 } }],
  },
  {
    ...cut,
    name: 'dm-flakey-xfs',
    because: 'what was synced is on the drive when the kernel above it dies (K3)',
    engine: 'xfs',
    workload: 'file-mix',
    faults: [{ use: 'dm-flakey', at: { op: 30 } }],
  },
  {
    ...logged,
    name: 'dm-log-writes-xfs',
    because: 'no state that the log of the drive proves legal loses what was synced (K3)',
    engine: 'xfs',
    workload: 'file-mix',
    faults: [{ use: 'dm-log-writes', at: { op: 40 } }],
  },
];

/** As small as its ring, so that it wraps, and so that all of it is quick to read. */
const journal = {
  rig: 'vm',
  engine: {
    use: 'journal',
    with: { ringPages: 64, segmentPages: 16, windowPages: 16, dataBlocks: 64 },
  },
  workload: 'random-write',
  device: { capacityBlocks: 1024 },
} as const;

/** The journal where the kernel, or the whole machine, is what dies. */
const journalInGuest: readonly ScenarioInput[] = [
  {
    ...journal,
    name: 'dm-flakey-journal',
    because: 'what was acknowledged is on the drive when nothing more gets there (K3)',
    limits: { ops: 400, durationMs: 300_000 },
    explore: { rounds: 2, states: 2, nestedStates: 0 },
    faults: [{ use: 'dm-flakey', at: { op: 60 } }],
  },
  {
    ...journal,
    name: 'dm-log-writes-journal',
    because: 'no state that the log of the drive proves legal loses what was acknowledged (K3)',
    limits: { ops: 80, queueDepth: 4, durationMs: 300_000 },
    explore: { rounds: 1, states: 600, nestedStates: 60 },
    faults: [{ use: 'dm-log-writes', at: { op: 80 } }],
  },
];

/** Killed once a round; what its drive held, cache and all, is explored on this machine. */
const killed = {
  rig: 'vm',
  device,
  limits: { ops: 60, durationMs: 600_000 },
  explore: { rounds: 1, states: 200 },
} as const;

/** A machine is booted for each kill: minutes, where it is emulated. */
export const machine: readonly ScenarioInput[] = [
  {
    ...killed,
    name: 'vm-kill-ext4',
    because: 'what was synced survives the machine and the cache of its drive (K3)',
    engine: 'ext4',
    workload: 'file-mix',
    faults: [{ use: 'vm-kill', at: { op: 40 } }],
  },
  {
    ...killed,
    name: 'vm-kill-xfs',
    because: 'what was synced survives the machine and the cache of its drive (K3)',
    engine: 'xfs',
    workload: 'file-mix',
    faults: [{ use: 'vm-kill', at: { op: 40 } }],
  },
  {
    ...journal,
    name: 'vm-kill-journal',
    because: 'what was acknowledged survives the machine and the cache of its drive (K3)',
    limits: { ops: 200, queueDepth: 4, durationMs: 600_000 },
    explore: { rounds: 1, states: 600, nestedStates: 60 },
    faults: [{ use: 'vm-kill', at: { op: 100 } }],
  },
  {
    ...journal,
    name: 'vm-kill-journal-rebooted',
    because: 'what was acknowledged to somebody outside is there when the machine is up again (K3)',
    limits: { ops: 400, durationMs: 1_200_000 },
    explore: { rounds: 2, states: 2, nestedStates: 0 },
    faults: [{ use: 'vm-kill', at: { op: 60 }, with: { volatileCache: 'kept' } }],
  },
];

/** On this machine. */
export const kernel: readonly ScenarioInput[] = onTwin;

/** In a guest: minutes, where it is emulated. */
export const guest: readonly ScenarioInput[] = [...onMapping, ...journalInGuest];
