/**
 * The format is on record: what it leaves in the drive's cache can be lost by a cut, and what was not
 * formatted yet is nobody's fault.
 */
import { describe, expect, it } from 'vitest';
import {
  EngineRefusal,
  type BlockDevice,
  type CellResult,
  type EngineSession,
} from '../contract/index.ts';
import {
  alteredScenario,
  readBlock,
  type Alterations,
  type Opening,
} from './altered-engine.fixture.ts';
import { runInTest } from './scenario.fixture.ts';

/** The last block of the drive, where the workload below never writes. */
const labelLba = 16;
const label = 7;

/** An engine that opens only what carries its label, and labels what it formats. */
function labelling(afterLabel: (device: BlockDevice) => Promise<void>): Alterations {
  return {
    format: async (device) => {
      await device.write(labelLba, device.allocate(4096).fill(label), { fua: false });
      await afterLabel(device);
    },
    open: async ({ device, asUsual }: Opening): Promise<EngineSession> => {
      const [found] = await readBlock(device, labelLba);
      if (found !== label) throw new EngineRefusal('not-formatted', 'there is no label');
      return asUsual();
    },
  };
}

async function judge(alterations: Alterations): Promise<CellResult> {
  const changes = {
    workload: { use: 'random-write', with: { spreadBlocks: 8 } },
    explore: { rounds: 1, states: 200, nestedStates: 0 },
  };
  const { summary } = await runInTest([await alteredScenario(changes, alterations)]);
  return summary.cells[0]!;
}

describe('a format', () => {
  it('that is left in the drive’s cache is lost by a cut before the first flush (@req D1, D2)', async () => {
    const cell = await judge(labelling(async () => undefined));
    expect(cell.verdict.status).toBe('fail');
    expect(new Set(cell.failures.map(({ violation }) => violation.found))).toEqual(
      new Set(['not-formatted: there is no label']),
    );
    const positions = cell.failures.map(({ violation }) => violation.position);
    expect(Math.max(...positions)).toBeLessThan(cell.counts.opsInvoked);
  });

  it('that is flushed is there after every cut, and none is made in the middle of it (@req D1)', async () => {
    const cell = await judge(labelling((device) => device.flush()));
    expect(cell.verdict).toMatchObject({ status: 'pass' });
    expect(cell.counts.statesJudged).toBeGreaterThan(50);
  });
});
