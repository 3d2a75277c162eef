/**
 * What is known of ext4 and XFS, found again on this kernel: what they keep, and what they lose where
 * they promise nothing. A few crash states each; the soak has thousands.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CellResult, ViolationKind } from '../../contract/index.ts';
import { temporaryDirectory } from '../scenario.fixture.ts';
import { canServeTwins, runFileScenario } from './file-scenario.fixture.ts';

beforeEach(() => {
  vi.stubEnv('TMPDIR', temporaryDirectory());
});

afterEach(() => {
  const left = fs.readdirSync(path.join(process.env['TMPDIR']!, 'powercut'));
  vi.unstubAllEnvs();
  expect(left).toEqual([]);
});

function failing(...kinds: readonly ViolationKind[]) {
  return { verdict: 'fail', kinds, why: 'known of it' } as const;
}

/** Whatever may become of data on a drive that does not keep what it was told to. */
const losses = failing(
  ...(['lost', 'stale', 'zeroed', 'torn', 'exposed', 'corrupt', 'inconsistent'] as const),
  ...(['reordered', 'recovery-failed', 'resurrected', 'misdirected', 'invariant'] as const),
);

function foundIn({ failures }: CellResult): readonly string[] {
  return failures.map(({ violation }) => violation.found);
}

function verdictOf({ verdict }: CellResult): string {
  return `${verdict.status}: ${verdict.reason}`;
}

describe.skipIf(!canServeTwins)('what is synced', () => {
  it.each(['ext4', 'xfs'])(
    'is kept by %s, also through a cut recovery (@req B8)',
    async (engine) => {
      const result = await runFileScenario({ engine, states: 60, nestedStates: 16 });
      expect(verdictOf(result)).toMatch(/^pass/);
      expect(result.counts.nestedStates).toBeGreaterThan(0);
    },
  );

  it('may vanish where syncs do nothing, and nothing else goes wrong', async () => {
    const result = await runFileScenario({ with: { sync: 'none' } });
    expect(verdictOf(result)).toMatch(/^pass/);
    expect(result.counts.acknowledgedNotDurable).toBeGreaterThan(0);
  });

  it('is lost without barriers, which promise nothing', async () => {
    const withoutBarriers = { with: { barrier: false }, ops: 80, states: 80 };
    const claimed = await runFileScenario({ ...withoutBarriers, expect: losses });
    expect(claimed.expectationMet, verdictOf(claimed)).toBe(true);
    const own = await runFileScenario(withoutBarriers);
    expect(verdictOf(own)).toMatch(/^(pass|inconclusive: .*promises nothing)/);
  });

  it('is lost on a drive that lies about its flushes', async () => {
    const result = await runFileScenario({
      workload: 'atomic-replace',
      faults: [{ use: 'lying-flush', at: { atFlush: 1 }, times: 'forever', during: 'workload' }],
      expect: losses,
    });
    expect(result.expectationMet, verdictOf(result)).toBe(true);
  });
});

describe.skipIf(!canServeTwins)('a file that is renamed over another (@req B11)', () => {
  const unsynced = { workload: 'atomic-replace', workloadWith: { fsync: false }, ops: 30 };

  it('is empty after a crash where it was not synced and ext4 does not see to it', async () => {
    const autoDaAlloc = false;
    const result = await runFileScenario({
      ...unsynced,
      with: { autoDaAlloc },
      expect: failing('invariant'),
    });
    expect(result.expectationMet, verdictOf(result)).toBe(true);
    expect(foundIn(result)).toContainEqual(expect.stringContaining('has zero length'));
    const synced = await runFileScenario({
      ...unsynced,
      workloadWith: { fsync: true },
      with: { autoDaAlloc },
    });
    expect(verdictOf(synced)).toMatch(/^pass/);
  });

  it('has its length with auto_da_alloc, but its data only without unwritten extents', async () => {
    // Whether the data is there when the name is, is a race that the kernel does not always lose.
    const found: string[] = [];
    for (let seed = 1; seed <= 4 && found.length === 0; seed++) {
      const unwritten = await runFileScenario({ ...unsynced, seed, states: 80 });
      found.push(...foundIn(unwritten));
    }
    expect(found).toContainEqual(expect.stringMatching(/of [0-9]+ bytes and is none/));
    expect(found).not.toContainEqual(expect.stringContaining('has zero length'));
    const written = await runFileScenario({ ...unsynced, with: { unwrittenExtents: false } });
    expect(verdictOf(written)).toMatch(/^pass/);
  });

  it('may be the old one where its directory was not synced', async () => {
    const result = await runFileScenario({
      workload: 'atomic-replace',
      workloadWith: { fsyncDirectory: false },
    });
    expect(verdictOf(result)).toMatch(/^pass/);
    expect(result.counts.acknowledgedNotDurable).toBeGreaterThan(0);
  });
});

describe.skipIf(!canServeTwins)('the medium beneath', () => {
  it('shows through data=writeback where blocks are allocated as written (@req B9)', async () => {
    const result = await runFileScenario({
      with: { data: 'writeback', unwrittenExtents: false, delayedAllocation: false },
      ops: 60,
    });
    expect(verdictOf(result)).toMatch(/^pass/);
    expect(result.counts.exposedBlocks).toBeGreaterThan(0);
  });

  it('is made consistent by e2fsck where there is no log, whatever operations ext2 lacks', async () => {
    const result = await runFileScenario({ with: { driver: 'ext2' }, states: 24, nestedStates: 8 });
    expect(verdictOf(result)).toMatch(/^(pass|inconclusive: .*promises nothing)/);
    expect(result.counts).toMatchObject({ statesDetected: 0, rounds: 1 });
    expect(result.counts.opsRejected).toBeGreaterThan(0);
  });
});
