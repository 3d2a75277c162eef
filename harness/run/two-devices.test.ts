/** Drives cut together and apart, seen through an engine whose blocks lie on the data device alone. */
import { describe, expect, it } from 'vitest';
import {
  DeviceError,
  EngineRefusal,
  type EngineSession,
  type FaultedDevice,
  type Outcome,
  type Scenario,
} from '../contract/index.ts';
import { decodeHistory } from '../drive/history-file.ts';
import { decodeLedger } from '../ledger/ledger-file.ts';
import { alteredScenario, sessionWith } from './altered-engine.fixture.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { replayState } from './replay-state.ts';
import {
  readyScenario,
  runInTest,
  smallScenario,
  type ScenarioChanges,
  type TestRun,
} from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const { device } = smallScenario;

function powerCut(at: FaultedDevice, op = 12): Scenario['faults'] {
  return [{ use: 'power-cut', at: { atOp: op }, times: 1, during: 'workload', device: at }];
}

function onTwo(changes: ScenarioChanges = {}): ScenarioChanges {
  return { dataDevice: device, explore: { rounds: 2, states: 400, nestedStates: 80 }, ...changes };
}

type Submit = EngineSession['submit'];

/** The in-place engine with another `submit`; it refuses to read from a device that fails. */
function engineWith(
  changes: ScenarioChanges,
  submitOf: (session: EngineSession) => Submit,
): Promise<ReadyScenario> {
  return alteredScenario(onTwo(changes), {
    open: async ({ asUsual }) => {
      const session = await asUsual();
      return sessionWith(session, { submit: submitOf(session), read: refusing(session) });
    },
  });
}

function refusing(session: EngineSession): EngineSession['read'] {
  return async (block, target) => {
    try {
      await session.read(block, target);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      throw new EngineRefusal('device-error', error.message, { cause: error });
    }
  };
}

/** Says yes although the device said no. */
const deaf =
  (session: EngineSession): Submit =>
  async (op, payload) => {
    const acknowledged: Outcome = { status: 'acknowledged' };
    return session.submit(op, payload).catch(() => acknowledged);
  };

const honest =
  (session: EngineSession): Submit =>
  (op, payload) =>
    session.submit(op, payload);

function statesOf({ directory }: TestRun): string {
  return directory.loadEvidence('small', 'states.jsonl').toString('utf8');
}

function cellOf({ summary }: TestRun) {
  return summary.cells[0]!;
}

/** Where the ledger of a round stood when the first drive lost power. */
function positionAtCut({ directory }: TestRun, round: number): number {
  const history = decodeHistory(directory.loadEvidence('small', `round-${round}.history`));
  const [cutSeq] = [...history.cuts.values()];
  const marks = history.events.filter((event) => event.kind === 'mark' && event.seq < cutSeq!);
  const last = marks.at(-1);
  return last?.kind === 'mark' ? last.position : 0;
}

function acknowledgedAfter({ directory }: TestRun, round: number, position: number): number {
  const { entries } = decodeLedger(directory.loadEvidence('small', `round-${round}.ledger`));
  return entries.filter(
    ({ outcome, settledAt, op }) =>
      outcome.status === 'acknowledged' && settledAt > position && op.kind === 'write',
  ).length;
}

describe('a run on two devices', () => {
  it('acquits an engine that flushes the device its blocks lie on, and convicts one that flushes the other (@req A2)', async () => {
    const good = await runInTest([await readyScenario(onTwo())]);
    expect(cellOf(good).verdict.status).toBe('pass');
    expect(cellOf(good).counts.nestedStates).toBeGreaterThan(40);
    const bad = await runInTest([await readyScenario(onTwo({ engine: { ack: 'main-flushed' } }))]);
    expect(cellOf(bad).failures[0]?.violation.kind).toBe('lost');
    expect(cellOf(bad).failures[0]?.proof?.conclusion).toMatch(/no flush was submitted after/);
  });

  it('asks for no flush where the data device has no volatile cache', async () => {
    const dataDevice = { ...device, writeCache: 'none' } as const;
    const changes = onTwo({ engine: { ack: 'main-flushed' }, dataDevice });
    expect(cellOf(await runInTest([await readyScenario(changes)])).verdict.status).toBe('pass');
  });

  it('is judged by the cache of the device that a write went to', async () => {
    const changes = {
      device: { ...device, writeCache: 'none' },
      engine: { ack: 'at-once' },
    } as const;
    const cell = cellOf(await runInTest([await readyScenario(onTwo(changes))]));
    expect(cell.failures[0]?.proof?.conclusion).toMatch(/no flush was submitted after/);
  });

  it.each(['main', 'data'] as const)(
    'gives the same states on one thread and on two, and again (@req D3): %s cut first',
    async (first) => {
      const ready = await readyScenario(
        onTwo({ engine: { ack: 'at-once' }, faults: powerCut(first) }),
      );
      const one = await runInTest([ready]);
      const two = await runInTest([ready], { jobs: 2 });
      const again = await runInTest([ready]);
      expect(statesOf(two)).toBe(statesOf(one));
      expect(statesOf(again)).toBe(statesOf(one));
      expect(cellOf(two).failures).toHaveLength(cellOf(one).failures.length);
      for (const name of ['round-0.history', 'round-1.history', 'round-1.ledger']) {
        const bytes = one.directory.loadEvidence('small', name);
        expect(again.directory.loadEvidence('small', name).equals(bytes)).toBe(true);
      }
    },
  );

  it('is judged the same again, and each state is found again by its id', async () => {
    const changes = onTwo({ engine: { ack: 'at-once' }, faults: powerCut('main') });
    const run = await runInTest([await readyScenario(changes)]);
    const summary = await verifyRun({
      directory: run.directory,
      jobs: 1,
      signal: new AbortController().signal,
      command: 'powercut verify',
      emit: () => undefined,
    });
    expect(summary.cells[0]!.verdict).toEqual(cellOf(run).verdict);
    expect(summary.cells[0]!.failures).toEqual(cellOf(run).failures);
    const states = statesOf(run)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, string, string, [number, number][]])
      .filter(([id]) => !id.endsWith('live'));
    const nested = states.filter(([id]) => id.includes('/'));
    for (const list of [states, nested, states.filter(([, , , [at]]) => at![1] > 30)]) {
      const [id, digest, outcome, windows] = list[Math.floor(list.length / 2)]!;
      const { judged } = await replayState(run.directory, `small:${id}`);
      expect(judged).toMatchObject({ id, digest, outcome });
      expect(judged.windows.map(({ first, last }) => [first, last])).toEqual(windows);
    }
  });
});

describe('the data device cut before the main one', () => {
  it('convicts an engine of what it acknowledged between the two cuts', async () => {
    const run = await runInTest([await engineWith({ faults: powerCut('data') }, deaf)]);
    const cell = cellOf(run);
    expect(cell.verdict.status).toBe('fail');
    expect(cell.faults).toEqual(['power-cut on data']);
    const cut = positionAtCut(run, 0);
    expect(acknowledgedAfter(run, 0, cut)).toBeGreaterThan(4);
    const { entries } = decodeLedger(run.directory.loadEvidence('small', 'round-0.ledger'));
    const found = cell.failures.filter(({ state }) => state.startsWith('0:'));
    expect(found.length).toBeGreaterThan(0);
    for (const { violation, proof } of found) {
      expect(violation.kind).toBe('lost');
      expect(entries[violation.ops[0]! - 1]!.settledAt).toBeGreaterThan(cut);
      expect(violation.position).toBeGreaterThan(cut);
      if (proof !== undefined) {
        expect(proof.steps.some(({ text }) => text.includes('alone loses power'))).toBe(true);
      }
    }
  });

  it('acquits the same engine where both are cut at once: nobody heard its lie', async () => {
    const run = await runInTest([await engineWith({ faults: powerCut('both') }, deaf)]);
    expect(cellOf(run).verdict).toMatchObject({ status: 'pass' });
  });

  it('acquits an engine that owns up to what the device refused', async () => {
    const run = await runInTest([await engineWith({ faults: powerCut('data') }, honest)]);
    expect(cellOf(run).verdict).toMatchObject({ status: 'pass' });
    expect(cellOf(run).counts.opsIndeterminate).toBeGreaterThan(4);
  });
});

describe('an engine that never answers again once a device has gone', () => {
  const mute =
    (session: EngineSession): Submit =>
    (op, payload) =>
      session.submit(op, payload).catch(() => new Promise<Outcome>(() => undefined));

  it('is inconclusive where its host went on, and passes where power was lost altogether', async () => {
    const alone = await runInTest([await engineWith({ faults: powerCut('data') }, mute)]);
    expect(cellOf(alone).verdict.status).toBe('inconclusive');
    expect(cellOf(alone).verdict.reason).toMatch(/stopped answering in round 0/);
    const together = await runInTest([await engineWith({ faults: powerCut('both') }, mute)]);
    expect(cellOf(together).verdict.status).toBe('pass');
  });
});

describe('the main device cut before the data one', () => {
  it('acquits an engine that goes on without it, for what it acknowledges lies on the other', async () => {
    const run = await runInTest([await readyScenario(onTwo({ faults: powerCut('main') }))]);
    expect(cellOf(run).verdict).toMatchObject({ status: 'pass' });
    expect(acknowledgedAfter(run, 0, positionAtCut(run, 0))).toBeGreaterThan(4);
  });

  it('convicts one that goes on without flushing the other', async () => {
    const changes = onTwo({ engine: { ack: 'at-once' }, faults: powerCut('main') });
    const run = await runInTest([await readyScenario(changes)]);
    const cut = positionAtCut(run, 0);
    const after = cellOf(run).failures.filter(
      ({ state, violation }) => state.startsWith('0:') && violation.position > cut,
    );
    expect(after.map(({ violation }) => violation.kind)).toContain('lost');
  });
});
