import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type {
  CellCounts,
  CellResult,
  Failure,
  FaultClass,
  FaultFiring,
  FlushIntervalCoverage,
  LatencySummary,
  PromisedDurability,
  Reporter,
  ReporterOutput,
  RunSummary,
  Scenario,
  Verdict,
  Violation,
} from '../harness/contract/index.ts';

/** Summaries as a run leaves them, for the tests of all reports. Nothing here is measured. */

export const hostileModel = '<script>alert(1)</script> "Turbo" & Sons';

/** One sentence per summary, so that no two reports can come to word a verdict differently. */
export const expectedSentences = {
  mixed:
    'FAIL: journal lost acknowledged writes under misdirected-write + bit-rot (2 violations, ' +
    '1 of 7 cells); 1 passes, 1 fails as expected (journal under flush-ignored), ' +
    '1 inconclusive, 1 error, 1 skipped, 1 without a result.',
  green: 'PASS: 2 of 2 cells pass.',
  expected: 'PASS: 1 of 2 cells passes, 1 fails as expected (journal under flush-ignored).',
  unexpectedPass:
    'FAIL: journal under flush-ignored passed, although a failure was expected (1 of 1 cell).',
  wrongKind:
    'FAIL: journal lost acknowledged writes under flush-ignored (41 violations, 1 of 1 cell).',
  empty: 'INCONCLUSIVE: no cell was planned.',
} as const;

export function greenRun(): RunSummary {
  const cells = [
    passingCell(),
    passingCell({ id: 'bank', workload: 'bank', faults: ['process-kill'] }),
  ];
  return runOf(cells, { status: 'pass', reason: '2 cells passed' }, 0);
}

export function expectedRun(): RunSummary {
  const cells = [passingCell(), expectedFailureCell()];
  return runOf(cells, { status: 'pass', reason: 'every expectation was met' }, 0);
}

export function unexpectedPassRun(): RunSummary {
  const cell: CellResult = {
    ...expectedFailureCell(),
    verdict: { status: 'pass', reason: 'nothing was lost' },
    expectationMet: false,
    failures: [],
    counts: countsOf({}),
  };
  return runOf([cell], { status: 'fail', reason: 'an expected failure did not show' }, 1);
}

/** It failed, but with another kind of violation than the scenario expects. */
export function wrongKindRun(): RunSummary {
  const cell: CellResult = { ...expectedFailureCell(), expectationMet: false };
  return runOf([cell], { status: 'fail', reason: '1 cell failed in another way' }, 1);
}

export function emptyRun(): RunSummary {
  return runOf([], { status: 'inconclusive', reason: 'no cell was planned' }, 4);
}

/** One cell of each kind, and one that was planned and left no result. */
export function mixedRun(): RunSummary {
  const cells = [
    passingCell(),
    expectedFailureCell(),
    failingCell(),
    inconclusiveCell(),
    errorCell(),
    skippedCell(),
  ];
  const summary = runOf(cells, { status: 'fail', reason: '1 of 7 cells failed' }, 1);
  return { ...summary, expectedCells: [...summary.expectedCells, 'never-finished'] };
}

const whenAcknowledged: PromisedDurability = {
  durableWhen: 'acknowledged',
  atomicUnit: 'operation',
  ordering: 'prefix',
  unflushedContents: 'old-or-new',
};

/** The same crashes in three modes of the engine, and a cell that was asked something else. */
export function modesRun(): RunSummary {
  const bank = { ...scenarioOf({ id: 'bank', rig: 'sim' }), workload: { use: 'bank' } };
  const cells = [
    modeCell('journal', undefined, {}),
    modeCell('writeback', 'anything', { acknowledgedNotDurable: 4350, exposedBlocks: 174 }),
    modeCell('none', 'old-or-new', { acknowledgedNotDurable: 8700 }),
    passingCell({ id: 'bank', workload: 'bank', scenario: bank }),
  ];
  return runOf(cells, { status: 'pass', reason: '4 cells passed' }, 0);
}

function modeCell(
  mode: string,
  unflushedContents: PromisedDurability['unflushedContents'] | undefined,
  counts: Partial<CellCounts>,
): CellResult {
  const id = `power-cut-mode-${mode}`;
  const scenario = scenarioOf({ id, rig: 'sim' });
  const isJournal = unflushedContents === undefined;
  return passingCell({
    id,
    // The first leaves the mode out: what the engine says of itself stands for it.
    scenario: isJournal
      ? scenario
      : { ...scenario, engine: { use: 'journal', with: { ringPages: 64, mode } } },
    counts: countsOf(counts),
    engineFacts: { mode: [mode], journalDurability: ['fua'], journalFuaMedianNs: [20_000, 24_000] },
    ...(isJournal
      ? {}
      : {
          promisedDurability: {
            durableWhen: 'flushed',
            atomicUnit: 'block',
            ordering: 'none',
            unflushedContents,
          },
          writeAmplification: {
            userBytes: 6_553_600,
            engineBytes: { journal: 0, data: 6_553_600, superblock: 8192 },
            deviceBytes: undefined,
            flushes: 80,
            fuaWrites: 0,
          },
        }),
  });
}

export function passingCell(changes: Partial<CellResult> = {}): CellResult {
  return cellOf({ id: 'power-cut', faults: ['power-cut'], ...changes });
}

function expectedFailureCell(): CellResult {
  const why = 'the drive answers flushes and persists nothing';
  return cellOf({
    id: 'lying-drive',
    faults: ['flush-ignored'],
    promise: 'nothing (JOURNAL-ENGINE §2: a drive that ignores flush voids every promise)',
    verdict: { status: 'fail', reason: '41 violations in 2,000 crash states' },
    expectation: { verdict: 'fail', kinds: ['lost', 'recovery-failed'], why },
    counts: countsOf({ violations: 41 }),
    failures: [lostWrite('lying-drive')],
    firings: [firingOf('flush-ignored', 'flush-ignored')],
  });
}

export function failingCell(): CellResult {
  return cellOf({
    id: 'misdirected',
    faults: ['misdirected-write', 'bit-rot'],
    promise: 'detects (JOURNAL-ENGINE §4.6)',
    verdict: { status: 'fail', reason: '2 violations in 2,000 crash states' },
    expectationMet: false,
    counts: countsOf({ violations: 2 }),
    failures: [lostWrite('misdirected'), failedRecovery()],
    firings: [firingOf('misdirected-write', 'misdirected-write')],
  });
}

function inconclusiveCell(): CellResult {
  return cellOf({
    id: 'stall',
    faults: ['stall'],
    verdict: { status: 'inconclusive', reason: 'the fault never fired' },
    expectationMet: false,
    counts: countsOf({ statesJudged: 0, imagesRecovered: 0, nestedStates: 0, statesDetected: 0 }),
    firings: [],
    coverage: [],
    latency: undefined,
    writeAmplification: undefined,
    recovery: undefined,
    engineFacts: undefined,
  });
}

function errorCell(): CellResult {
  return {
    ...inconclusiveCell(),
    id: 'no-space',
    scenario: scenarioOf({ id: 'no-space', rig: 'sim' }),
    faults: ['no-space'],
    verdict: { status: 'error', reason: 'worker \u001b[31m3\u001b[0m exited with code 134' },
  };
}

function skippedCell(): CellResult {
  return {
    ...inconclusiveCell(),
    id: 'kill-on-device',
    faults: ['process-kill'],
    scenario: scenarioOf({ id: 'kill-on-device', rig: 'device' }),
    verdict: { status: 'skip', reason: 'io_uring is not available: kernel.io_uring_disabled is 2' },
  };
}

function cellOf(changes: Partial<CellResult> & { readonly id: string }): CellResult {
  return {
    scenario: scenarioOf({ id: changes.id, rig: 'sim' }),
    engine: 'journal',
    workload: 'random-write',
    faults: [],
    promise: 'survives (JOURNAL-ENGINE §4.6)',
    promisedDurability: whenAcknowledged,
    verdict: { status: 'pass', reason: '2,000 crash states checked' },
    expectation: { verdict: 'pass' },
    expectationMet: true,
    counts: countsOf({}),
    firings: [firingOf('power-cut', 'power-loss')],
    coverage: coverageOf(24),
    failures: [],
    latency: latencyOf(1600, 'virtual'),
    writeAmplification: {
      userBytes: 6_553_600,
      engineBytes: { journal: 7_864_320, padding: 917_504, superblock: 65_536, destage: 6_553_600 },
      deviceBytes: undefined,
      flushes: 410,
      fuaWrites: 16,
    },
    recovery: { count: 1740, requestsMedian: 71, requestsMax: 163 },
    engineFacts: { mode: ['journal'], pageBytes: [4096], journalDurability: ['fua'] },
    tookMs: 1234,
    ...changes,
  };
}

function countsOf(changes: Partial<CellCounts>): CellCounts {
  return {
    rounds: 4,
    opsInvoked: 1612,
    opsAcknowledged: 1600,
    opsRejected: 3,
    opsIndeterminate: 9,
    statesJudged: 2000,
    imagesRecovered: 1740,
    nestedStates: 300,
    statesDetected: 12,
    violations: 0,
    acknowledgedNotDurable: 0,
    exposedBlocks: 0,
    ...changes,
  };
}

function scenarioOf(of: { readonly id: string; readonly rig: Scenario['rig'] }): Scenario {
  return {
    name: of.id,
    because: 'an acknowledged write must outlive the cut',
    seed: 1,
    rig: of.rig,
    engine: { use: 'journal', with: { ringPages: 64 } },
    workload: { use: 'random-write' },
    faults: [],
    verifiers: [],
    device: {
      logicalBlockBytes: 4096,
      capacityBlocks: 160,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: true,
    },
    limits: { ops: 400, queueDepth: 8, durationMs: 60_000 },
    explore: { rounds: 4, states: 2000, nestedStates: 300 },
    expect: { verdict: 'pass' },
  };
}

function firingOf(fault: string, faultClass: FaultClass): FaultFiring {
  return { fault, faultClass, atNs: 1_250_000, area: 'journal', details: { lba: 21, units: 1 } };
}

/** Forty bytes of a 512-byte block differ, far enough apart to leave a gap in the diff. */
function lostWrite(cell: string): Failure {
  const expected = Buffer.alloc(512, 0x11);
  const found = Buffer.from(expected);
  found.fill(0xee, 32, 48);
  found.fill(0xee, 320, 344);
  return {
    violation: violationOf('lost', 'operation 17 (writer 2)', 'operation 9 (writer 0)'),
    state: 'r2-i41-s7',
    reproduce: `powercut replay results/run-1/${cell}#r2-i41-s7`,
    proof: {
      op: 17,
      steps: [
        { what: 'invoked', atNs: 900_000, text: 'operation 17 writes block 5' },
        { what: 'write-submitted', seq: 88, atNs: 900_100, text: 'write of LBA 21 submitted' },
        { what: 'write-completed', seq: 91, atNs: 930_100, text: 'write of LBA 21 completed' },
        { what: 'flush-submitted', seq: 92, atNs: 930_200, text: 'flush submitted' },
        { what: 'flush-completed', seq: 95, atNs: 990_000, text: 'flush completed' },
        { what: 'acknowledged', atNs: 990_050, text: 'operation 17 acknowledged' },
        { what: 'cut', seq: 99, atNs: 1_250_000, text: 'power cut' },
      ],
      conclusion: 'the chain holds: the write was durable before the cut, and the engine lost it',
    },
    expectedBytes: { byteOffset: 86_016, hex: expected.toString('hex') },
    foundBytes: { byteOffset: 86_016, hex: found.toString('hex') },
    foundStamp: { seed: 1, block: 5, op: 9, writer: 0, epoch: 1, value: 250 },
  };
}

function failedRecovery(): Failure {
  return {
    violation: {
      ...violationOf('recovery-failed', 'recovery ends', '=cmd|"/c calc"!A1'),
      place: { kind: 'recovery' },
    },
    state: 'r3-i2-s1',
    reproduce: 'powercut replay results/run-1/misdirected#r3-i2-s1',
    proof: {
      op: 18,
      steps: [
        { what: 'invoked', text: 'operation 18 writes block 6' },
        { what: 'write-submitted', seq: 101, text: 'write of LBA 22 submitted' },
        { what: 'acknowledged', text: 'operation 18 acknowledged' },
        { what: 'missing', text: 'no flush covers the write before its acknowledgement' },
      ],
      conclusion: 'the flush was missing at the acknowledgement',
    },
    expectedBytes: undefined,
    foundBytes: undefined,
    foundStamp: undefined,
  };
}

function violationOf(kind: Violation['kind'], expected: string, found: string): Violation {
  return { kind, place: { kind: 'block', block: 5 }, ops: [17], expected, found, position: 41 };
}

export function coverageOf(intervals: number): readonly FlushIntervalCoverage[] {
  return Array.from({ length: intervals }, (_, index) => ({
    round: 1 + Math.floor((index * 4) / intervals),
    interval: index,
    checked: index % 7 === 0 ? 2 ** (index % 5) : 40 + (index % 9),
    legalLog10: index % 7 === 0 ? (index % 5) * Math.log10(2) : 2 + (index % 11) * 0.9,
  }));
}

export function latencyOf(count: number, clock: LatencySummary['clock']): LatencySummary {
  const histogram = build({ highestTrackableValue: 2 ** 42, numberOfSignificantValueDigits: 3 });
  for (let n = 0; n < count; n++) {
    histogram.recordValue(20_000 + n * 17 + (n % 97 === 0 ? 400_000 : 0));
  }
  return {
    count,
    p50Ns: histogram.getValueAtPercentile(50),
    p90Ns: histogram.getValueAtPercentile(90),
    p99Ns: histogram.getValueAtPercentile(99),
    p999Ns: histogram.getValueAtPercentile(99.9),
    maxNs: histogram.maxValue,
    histogram: encodeIntoCompressedBase64(histogram),
    clock,
  };
}

export function runOf(
  cells: readonly CellResult[],
  verdict: Verdict,
  exitCode: number,
): RunSummary {
  return {
    schemaVersion: 1,
    runId: '20261121T140000-1',
    toolVersion: '0.1.0',
    startedAt: '2026-11-21T14:00:00.000Z',
    tookMs: 65_432,
    command: 'powercut run smoke',
    seed: 1,
    host: {
      kernel: 'Linux 6.1.0 x86_64',
      node: 'v20.20.2',
      cpuModel: 'Example CPU',
      cpuCount: 2,
      memoryBytes: 4_294_967_296,
      device: { model: hostileModel, serial: 'S3CR3T-0042', writeCache: true },
    },
    expectedCells: cells.map((cell) => cell.id),
    cells,
    verdict,
    exitCode,
  };
}

export interface RecordedOutput extends ReporterOutput {
  readonly files: Map<string, string>;
  readonly printed: string[];
}

/** Keeps what a reporter writes, as a run directory and a terminal would. */
export function recordOutput(isTerminal: boolean, columns: number): RecordedOutput {
  const files = new Map<string, string>();
  const printed: string[] = [];
  return {
    files,
    printed,
    isTerminal,
    columns,
    print: (text) => {
      printed.push(text);
    },
    writeFile: async (name, content) => {
      files.set(name, content);
      return `results/run-1/${name}`;
    },
  };
}

/** Feeds a finished run to a reporter as its events came, then ends it. */
export async function playRun(reporter: Reporter, summary: RunSummary): Promise<void> {
  reporter.onEvent({ type: 'run-started', runId: summary.runId, cells: summary.expectedCells });
  for (const result of summary.cells) {
    const cell = result.id;
    reporter.onEvent({ type: 'cell-started', cell, scenario: result.scenario });
    for (const firing of result.firings) reporter.onEvent({ type: 'fault-fired', cell, firing });
    reporter.onEvent({ type: 'progress', cell, phase: 'explore', done: 500, total: 2000 });
    reporter.onEvent({ type: 'cell-finished', cell, result });
  }
  reporter.onEvent({ type: 'run-finished', summary });
  await reporter.onEnd(summary);
}
