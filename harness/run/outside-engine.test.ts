/**
 * The whole chain for an engine that is not ours: drive, crash states, recovery, verdict, proof. The
 * engine that forgets to flush must be convicted for the right reason, and the same engine with the
 * flush, which is all that a power cut asks of it, must not.
 */
import { describe, expect, it } from 'vitest';
import { readyScenario, runInTest } from './scenario.fixture.ts';

describe('an engine that overwrites in place', () => {
  it('is convicted of losing acknowledged writes when it does not flush (@req K4 D2 A1)', async () => {
    const { summary } = await runInTest([await readyScenario({ engine: { ack: 'at-once' } })]);
    const [cell] = summary.cells;
    expect(cell!.verdict.status).toBe('fail');
    expect(summary.exitCode).toBe(1);
    const [worst] = cell!.failures;
    expect(worst!.violation.kind).toBe('lost');
    expect(worst!.proof!.conclusion).toMatch(
      /was acknowledged at event \d+, but no flush was submitted after its write completed/,
    );
    expect(worst!.proof!.steps.map(({ what }) => what)).toEqual([
      'invoked',
      'write-submitted',
      'write-completed',
      'acknowledged',
      'missing',
      'cut',
    ]);
    expect(worst!.reproduce).toMatch(/^powercut replay .*#small:0:\d+/);
    expect(worst!.expectedBytes!.hex).not.toBe(worst!.foundBytes!.hex);
  });

  it('passes when it flushes before it acknowledges (@req D1)', async () => {
    const { summary } = await runInTest([
      await readyScenario({ explore: { rounds: 2, states: 400, nestedStates: 100 } }),
    ]);
    expect(summary.cells[0]!.verdict).toMatchObject({ status: 'pass' });
    expect(summary.cells[0]!.counts).toMatchObject({ opsAcknowledged: 48, violations: 0 });
    expect(summary.cells[0]!.counts.nestedStates).toBeGreaterThan(10);
    expect(summary.exitCode).toBe(0);
  });

  it('needs no flush on a drive without a volatile cache', async () => {
    const { device } = (await readyScenario()).scenario;
    const ready = await readyScenario({
      engine: { ack: 'at-once' },
      device: { ...device, writeCache: 'none' },
    });
    const { summary } = await runInTest([ready]);
    expect(summary.cells[0]!.verdict).toMatchObject({ status: 'pass' });
  });

  it('is convicted of tearing blocks that are larger than the atomic unit', async () => {
    const { device } = (await readyScenario()).scenario;
    const ready = await readyScenario({
      device: { ...device, logicalBlockBytes: 512, capacityBlocks: 17 * 8 },
      explore: { rounds: 1, states: 400, nestedStates: 0 },
    });
    const { summary } = await runInTest([ready]);
    expect(summary.cells[0]!.failures.map(({ violation }) => violation.kind)).toContain('torn');
  });
});

describe('an engine that misbehaves', () => {
  it('is convicted when it throws instead of recovering', async () => {
    const { summary } = await runInTest([await readyScenario({ engine: { reopen: 'throw' } })]);
    const [cell] = summary.cells;
    expect(cell!.failures[0]!.violation).toMatchObject({
      kind: 'recovery-failed',
      found: expect.stringContaining('cannot read properties of null') as string,
    });
  });

  it.each(['hang', 'loop'])('is convicted when its recovery never ends: %s', async (reopen) => {
    const explore = { rounds: 1, states: 60, nestedStates: 20 };
    const { summary } = await runInTest([await readyScenario({ engine: { reopen }, explore })]);
    expect(summary.cells[0]!.verdict.status).toBe('fail');
    expect(summary.cells[0]!.failures[0]!.violation.kind).toBe('recovery-failed');
  });

  it('does not pass when it stops answering, though it lost nothing (@req D5)', async () => {
    const { summary } = await runInTest([await readyScenario({ engine: { stopAfter: 10 } })]);
    expect(summary.cells[0]!.verdict.status).toBe('inconclusive');
    expect(summary.cells[0]!.verdict.reason).toMatch(/stopped answering in round 0: 4 operations/);
    expect(summary.exitCode).toBe(4);
  });

  it('does not pass when reading fails with anything but a refusal', async () => {
    const { summary } = await runInTest([await readyScenario({ engine: { read: 'throw' } })]);
    expect(summary.cells[0]!.verdict.status).toBe('fail');
  });
});
