/** What the running engine serves before any cut is judged block by block. */
import { describe, expect, it } from 'vitest';
import {
  EngineRefusal,
  type BlockNumber,
  type CellResult,
  type EngineSession,
} from '../contract/index.ts';
import {
  alteredScenario,
  blanking,
  sessionWith,
  type Alterations,
} from './altered-engine.fixture.ts';
import { runInTest } from './scenario.fixture.ts';

/** Refuses every request that touches the block. */
function refusing(read: EngineSession['read'], refused: BlockNumber): EngineSession['read'] {
  return async (first, target) => {
    const end = first + target.length / 4096;
    if (first <= refused && refused < end) throw new EngineRefusal('corrupt', `block ${refused}`);
    await read(first, target);
  };
}

/** Reads otherwise while it runs for the first time; once reopened it is as ever. */
function readingLive(change: (session: EngineSession) => EngineSession['read']): Alterations {
  return {
    open: async ({ isReopened, asUsual }) => {
      const session = await asUsual();
      return isReopened ? session : sessionWith(session, { read: change(session) });
    },
  };
}

/** Every block of a small volume is written. */
async function judge(alterations: Alterations): Promise<CellResult> {
  const changes = {
    workload: { use: 'random-write', with: { spreadBlocks: 4 } },
    explore: { rounds: 1, states: 20, nestedStates: 0 },
  };
  const { summary } = await runInTest([await alteredScenario(changes, alterations)]);
  return summary.cells[0]!;
}

function convictedIn(cell: CellResult): readonly string[] {
  return cell.failures.map(({ state, violation: { kind, place } }) =>
    [state, kind, place.kind === 'block' ? place.block : place.kind].join(' '),
  );
}

describe('a running engine', () => {
  it('is convicted of a wrong block, though it refuses another one (@req D1)', async () => {
    const cell = await judge(
      readingLive((session) => refusing(blanking(session, new Set([2])), 0)),
    );
    expect(cell.verdict.status).toBe('fail');
    expect(convictedIn(cell)).toEqual(['0:live zeroed 2']);
  });

  it('is convicted of a wrong block, whichever side of the refused one it lies on', async () => {
    const cell = await judge(
      readingLive((session) => refusing(blanking(session, new Set([0, 3])), 2)),
    );
    expect(convictedIn(cell)).toEqual(['0:live zeroed 0', '0:live zeroed 3']);
  });

  it('that refuses a block and serves the others is not convicted, and no pass (@req D5)', async () => {
    const cell = await judge(readingLive((session) => refusing(session.read.bind(session), 0)));
    expect(cell.verdict).toEqual({
      status: 'inconclusive',
      reason: 'the running engine refused to read blocks in round 0, though no fault explains it',
    });
    expect(cell.counts.violations).toBe(0);
  });

  it('that serves every block passes', async () => {
    const cell = await judge(readingLive((session) => session.read.bind(session)));
    expect(cell.verdict).toMatchObject({ status: 'pass' });
  });
});
