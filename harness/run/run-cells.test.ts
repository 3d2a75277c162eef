import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HarnessError, type CellResult, type Verdict } from '../contract/index.ts';
import { emptyCell } from './empty-cell.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readyScenario, reporterOf, runInTest, smallScenario } from './scenario.fixture.ts';
import { summariseRun } from './summarise-run.ts';

const quick = { explore: { rounds: 1, states: 20, nestedStates: 0 } };

/** A scenario whose workload breaks the harness's rules by throwing. */
async function broken(when: 'at its start' | 'when an operation settles'): Promise<ReadyScenario> {
  const ready = await readyScenario({ ...quick, name: 'broken' });
  const { workload } = ready;
  const bug = (): never => {
    throw new TypeError('a bug of the workload');
  };
  const start: typeof workload.start = (scope, options) =>
    when === 'at its start' ? bug() : { ...workload.start(scope, options), settled: bug };
  return { ...ready, workload: { ...workload, start } };
}

describe('a run of several cells', () => {
  it.each(['at its start', 'when an operation settles'] as const)(
    'goes on with the next where a workload throws %s',
    async (when) => {
      const { summary } = await runInTest([await broken(when), await readyScenario(quick)]);
      expect(summary.cells.map(({ verdict }) => verdict.status)).toEqual(['error', 'pass']);
      expect(summary.cells[0]!.verdict.reason).toMatch(/a bug of the workload\n\s+at /);
      expect(summary.verdict.status).toBe('error');
      expect(summary.exitCode).toBe(4);
    },
  );

  it('is inconclusive where everything is skipped (@req D5)', async () => {
    const { summary } = await runInTest([await readyScenario(quick)], {
      whyNot: async () => 'rig device needs root',
    });
    expect(summary.cells[0]!.verdict).toEqual({ status: 'skip', reason: 'rig device needs root' });
    expect(summary.verdict.status).toBe('inconclusive');
    expect(summary.verdict.reason).toMatch(/skipped, .*needs root/);
    expect(summary.exitCode).toBe(4);
  });

  it('is inconclusive where one is skipped, however many pass (@req D5)', async () => {
    const cells = [await readyScenario(quick), await readyScenario({ ...quick, name: 'other' })];
    const { summary } = await runInTest(cells, {
      whyNot: async ({ scenario }) => (scenario.name === 'other' ? 'no root' : undefined),
    });
    expect(summary.verdict).toEqual({ status: 'inconclusive', reason: 'other: skipped, no root' });
    expect(summary.exitCode).toBe(4);
  });

  it.each([
    ['LIMIT_EXCEEDED', 'sim', 'inconclusive'],
    ['UNAVAILABLE', 'vm', 'inconclusive'],
    ['UNAVAILABLE', 'sim', 'error'],
    ['SYSTEM_CALL_FAILED', 'vm', 'error'],
  ] as const)('that fails with %s on rig %s is called %s', async (code, rig, status) => {
    const ready = await readyScenario({ ...quick, rig });
    const fail = async (): Promise<never> => {
      throw new HarnessError(code, 'the log was full: give it a larger one');
    };
    const { summary } = await runInTest([ready], { whyNot: fail });
    const { verdict } = summary.cells[0]!;
    expect(verdict.status).toBe(status);
    expect(verdict.reason).toContain('the log was full: give it a larger one');
    expect(summary.exitCode).toBe(4);
  });

  it('stops at once where a device is refused', async () => {
    const refuse = async (): Promise<never> => {
      throw new HarnessError('DEVICE_REFUSED', 'it is mounted');
    };
    const run = runInTest([await readyScenario(quick)], { whyNot: refuse });
    await expect(run).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
  });

  it('starts nothing after a failure where it was told so', async () => {
    const bad = await readyScenario({ ...quick, name: 'bad', engine: { ack: 'at-once' } });
    const good = await readyScenario(quick);
    const { summary } = await runInTest([bad, good], { stopOnFailure: true });
    expect(summary.cells.map(({ id }) => id)).toEqual(['bad']);
    expect(summary.exitCode).toBe(1);
  });

  it('counts a known-bad engine that was convicted as expected as a pass', async () => {
    const expectation = { verdict: 'fail', kinds: ['lost', 'stale'], why: 'no flush' } as const;
    const bad = await readyScenario({ expect: expectation, engine: { ack: 'at-once' } });
    const { summary } = await runInTest([bad]);
    expect(summary.cells[0]!.verdict.status).toBe('fail');
    expect(summary).toMatchObject({ exitCode: 0, verdict: { status: 'pass' } });
    const good = await readyScenario({ ...quick, expect: expectation });
    expect((await runInTest([good])).summary.exitCode).toBe(1);
  });

  it('does not take a failure for the expected one where the fault had not fired yet', async () => {
    const ready = await readyScenario({
      engine: { ack: 'at-once' },
      faults: [{ use: 'bit-rot', at: { atOp: 20 }, times: 1, during: 'workload' }],
      expect: {
        verdict: 'fail',
        kinds: ['lost', 'stale', 'corrupt', 'torn', 'zeroed', 'misdirected'],
        why: 'the medium rots',
      },
    });
    const { summary } = await runInTest([ready]);
    expect(summary.cells[0]!.verdict.reason).toMatch(/before any fault had fired/);
    expect(summary.exitCode).toBe(1);
  });

  it('is inconclusive where the second of two equal faults never fires', async () => {
    const fault = { use: 'stall', times: 1, during: 'workload' } as const;
    const faults = [
      { ...fault, at: { atOp: 2 } },
      { ...fault, at: { atOp: 10_000 } },
    ];
    const { summary } = await runInTest([await readyScenario({ ...quick, faults })]);
    expect(summary.cells[0]!.faults).toEqual(['stall', 'stall-2']);
    expect(summary.cells[0]!.verdict.reason).toMatch(/^stall-2 never fired/);
  });
});

describe('a reporter that throws', () => {
  const failing = (): never => {
    throw new Error('disk full');
  };

  it.each([
    ['at an event', reporterOf('failing', failing)],
    [
      'at the end',
      reporterOf(
        'failing',
        () => undefined,
        async () => failing(),
      ),
    ],
    [
      'when it is made',
      {
        ...reporterOf('failing', failing),
        plugin: { ...reporterOf('failing', failing).plugin, create: failing },
      },
    ],
  ])('%s makes the run exit with 4, and the others still report', async (_when, reporter) => {
    const seen: string[] = [];
    const other = reporterOf(
      'other',
      ({ type }) => seen.push(type),
      async ({ runId }) => void seen.push(`end of ${runId}`),
    );
    const { summary, directory } = await runInTest([await readyScenario(quick)], {
      reporters: [reporter, other],
    });
    expect(summary.exitCode).toBe(4);
    expect(summary.verdict.reason).toMatch(/reporter failing failed: Error: disk full/);
    expect(seen).toEqual(expect.arrayContaining(['run-started', 'run-finished', 'end of test']));
    expect(directory.loadSummary().exitCode).toBe(4);
  });

  it('at the end is known to the one named first, which people look at', async () => {
    const told: string[] = [];
    const first = reporterOf(
      'first',
      () => undefined,
      async ({ verdict }) => void told.push(`${verdict.status}: ${verdict.reason}`),
    );
    const last = reporterOf(
      'failing',
      () => undefined,
      async () => failing(),
    );
    await runInTest([await readyScenario(quick)], { reporters: [first, last] });
    expect(told).toEqual([expect.stringMatching(/^inconclusive: .*failing failed: Error: disk/)]);
  });

  it('does not cover up a failure', async () => {
    const ready = await readyScenario({ engine: { ack: 'at-once' } });
    const { summary } = await runInTest([ready], { reporters: [reporterOf('failing', failing)] });
    expect(summary.exitCode).toBe(1);
    expect(summary.verdict.status).toBe('fail');
  });
});

describe('a run that is interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])(
    'by %s in the middle of a cell ends soon, reports, and exits with %i',
    async (signal, code) => {
      const controller = new AbortController();
      const ended: string[] = [];
      const interrupting = reporterOf(
        'interrupting',
        ({ type }) => {
          if (type === 'progress') controller.abort(signal);
        },
        async ({ verdict }) => void ended.push(verdict.status),
      );
      const many = { explore: { rounds: 2, states: 50_000, nestedStates: 10_000 } };
      const cells = [await readyScenario(many), await readyScenario({ ...quick, name: 'next' })];
      const startedMs = performance.now();
      const { summary, directory } = await runInTest(cells, {
        reporters: [interrupting],
        signal: controller.signal,
      });
      expect(performance.now() - startedMs).toBeLessThan(5000);
      expect(summary.exitCode).toBe(code);
      expect(summary.cells[0]!.verdict).toEqual({ status: 'inconclusive', reason: 'interrupted' });
      expect(summary.verdict.reason).toMatch(/interrupted/);
      expect(summary.expectedCells).toEqual(['small', 'next']);
      expect(summary.cells.map(({ id }) => id)).toEqual(['small']);
      expect(ended).toEqual(['inconclusive']);
      expect(directory.loadSummary().exitCode).toBe(code);
      expect(fs.existsSync(path.join(directory.path, 'cells', 'small', 'verdict.json'))).toBe(true);
    },
  );
});

describe('the summary', () => {
  const facts = {
    runId: 'r',
    toolVersion: '0',
    startedAt: '',
    tookMs: 1,
    command: '',
    seed: 1,
    host: { kernel: '', node: '', cpuModel: '', cpuCount: 1, memoryBytes: 1 },
  };
  const running = { aborted: false, reason: undefined };

  async function cell(id: string, verdict: Verdict, isMet = false): Promise<CellResult> {
    const ready = await readyScenario({ name: id });
    const skipped = emptyCell(ready, { status: 'skip', reason: '' });
    return { ...skipped, verdict, expectationMet: isMet };
  }

  it.each<[readonly Verdict['status'][], string, number]>([
    [['pass', 'pass'], 'pass', 0],
    [['pass', 'skip'], 'inconclusive', 4],
    [['pass', 'inconclusive'], 'inconclusive', 4],
    [['inconclusive', 'error'], 'error', 4],
    [['pass', 'error', 'fail'], 'fail', 1],
    [['skip', 'skip'], 'inconclusive', 4],
    [[], 'inconclusive', 4],
  ])('of %j is %s', async (statuses, status, exitCode) => {
    const cells = await Promise.all(
      statuses.map((one, index) => cell(`c${index}`, { status: one, reason: one }, one === 'pass')),
    );
    const expectedCells = cells.map(({ id }) => id);
    const summary = summariseRun({ ...facts, expectedCells }, cells, running);
    expect(summary).toMatchObject({ verdict: { status }, exitCode });
  });

  it('is inconclusive where a planned cell has no result', async () => {
    const cells = [await cell('one', { status: 'pass', reason: '' }, true)];
    const summary = summariseRun({ ...facts, expectedCells: ['one', 'two'] }, cells, running);
    expect(summary).toMatchObject({ exitCode: 4, verdict: { status: 'inconclusive' } });
    expect(summary.verdict.reason).toMatch(/two missing/);
  });

  it('keeps a failure that was found before the interruption', async () => {
    const cells = [await cell('one', { status: 'fail', reason: 'lost' })];
    const signal = { aborted: true, reason: 'SIGINT' };
    const summary = summariseRun({ ...facts, expectedCells: ['one', 'two'] }, cells, signal);
    expect(summary.exitCode).toBe(1);
    expect(smallScenario.name).toBe('small');
  });
});
