/** An engine that breaks the rules of a block device has shown nothing, whatever it makes of the error. */
import { describe, expect, it } from 'vitest';
import type { BlockDevice, EngineSession } from '../contract/index.ts';
import { alteredScenario, sessionWith } from './altered-engine.fixture.ts';
import { runInTest, type TestRun } from './scenario.fixture.ts';

/** Writes one block of its own beside each operation, and hides what comes of that. */
async function run(spoil: (buffer: Uint8Array) => void): Promise<TestRun> {
  const writeBeside = async (device: BlockDevice): Promise<void> => {
    const buffer = device.allocate(4096);
    const pending = device.write(16, buffer, { fua: false });
    spoil(buffer);
    await pending.catch(() => undefined);
  };
  const changes = {
    workload: { use: 'random-write', with: { spreadBlocks: 8 } },
    explore: { rounds: 1, states: 8, nestedStates: 0 },
  };
  const ready = await alteredScenario(changes, {
    open: async ({ device, asUsual }) => {
      const session = await asUsual();
      const submit: EngineSession['submit'] = async (op, payload) => {
        await writeBeside(device);
        return session.submit(op, payload);
      };
      return sessionWith(session, { submit });
    },
  });
  return runInTest([ready]);
}

describe('an engine that changes a buffer while its write is in flight', () => {
  it('is stopped with the reason, though it caught the error (@req D5)', async () => {
    const { summary } = await run((buffer) => buffer.fill(1));
    const { verdict } = summary.cells[0]!;
    expect(verdict.status).toBe('error');
    expect(verdict.reason).toMatch(
      /engine in-place: the buffer of the write at LBA 16 was changed while the write was in flight/,
    );
    expect(summary.exitCode).toBe(4);
  });

  it('is told from one that leaves it alone', async () => {
    const { summary } = await run(() => undefined);
    expect(summary.cells[0]!.verdict).toMatchObject({ status: 'pass' });
  });
});
