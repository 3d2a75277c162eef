import type {
  CellResult,
  LatencySummary,
  RunSummary,
  SimulatedFlashWrites,
} from '../../harness/contract/index.ts';

export const resultColumns = [
  'run',
  'cell',
  'engine',
  'workload',
  'faults',
  'rig',
  'seed',
  'verdict',
  'expected',
  'expectation_met',
  'metric',
  'value',
  'unit',
  'note',
] as const;

interface Metric {
  readonly metric: string;
  /** Empty where it is not known; the note says why. Never 0 for unknown. */
  readonly value: number | '';
  readonly unit: string;
  readonly note?: string;
}

type Row = Readonly<Record<(typeof resultColumns)[number], string | number>>;

/** Tidy: one row per cell and metric, so that a spreadsheet or a data frame can pivot as it likes. */
export function resultRows(summary: RunSummary): readonly Row[] {
  const present = new Set(summary.cells.map((cell) => cell.id));
  const missing = summary.expectedCells.filter((id) => !present.has(id));
  return [
    ...summary.cells.flatMap((cell) =>
      metricsOf(cell).map((metric) => ({ ...describe(summary, cell), ...complete(metric) })),
    ),
    ...missing.map((id) => missingRow(summary, id)),
  ];
}

function describe(
  summary: RunSummary,
  cell: CellResult,
): Omit<Row, 'metric' | 'value' | 'unit' | 'note'> {
  return {
    run: summary.runId,
    cell: cell.id,
    engine: cell.engine,
    workload: cell.workload,
    faults: cell.faults.join(' + '),
    rig: cell.scenario.rig,
    seed: cell.scenario.seed,
    verdict: cell.verdict.status,
    expected: cell.expectation.verdict,
    expectation_met: String(cell.expectationMet),
  };
}

function complete(metric: Metric): Pick<Row, 'metric' | 'value' | 'unit' | 'note'> {
  return { ...metric, note: metric.note ?? '' };
}

function missingRow(summary: RunSummary, id: string): Row {
  const blank = Object.fromEntries(resultColumns.map((column) => [column, ''])) as Row;
  return { ...blank, run: summary.runId, cell: id, note: 'planned, but left no result' };
}

function metricsOf(cell: CellResult): readonly Metric[] {
  return [
    ...countMetrics(cell),
    ...latencyMetrics(cell.latency),
    ...amplificationMetrics(cell),
    ...recoveryMetrics(cell),
    { metric: 'took', value: cell.tookMs, unit: 'ms' },
  ];
}

function countMetrics({ counts }: CellResult): readonly Metric[] {
  return [
    { metric: 'rounds', value: counts.rounds, unit: 'rounds' },
    { metric: 'ops_invoked', value: counts.opsInvoked, unit: 'operations' },
    { metric: 'ops_acknowledged', value: counts.opsAcknowledged, unit: 'operations' },
    { metric: 'ops_rejected', value: counts.opsRejected, unit: 'operations' },
    { metric: 'ops_indeterminate', value: counts.opsIndeterminate, unit: 'operations' },
    { metric: 'states_judged', value: counts.statesJudged, unit: 'crash states' },
    { metric: 'images_recovered', value: counts.imagesRecovered, unit: 'images' },
    { metric: 'nested_states', value: counts.nestedStates, unit: 'crash states' },
    { metric: 'states_detected', value: counts.statesDetected, unit: 'crash states' },
    { metric: 'violations', value: counts.violations, unit: 'violations' },
    {
      ...allowed,
      metric: 'acknowledged_not_durable',
      value: counts.acknowledgedNotDurable,
      unit: 'operations',
    },
    { ...allowed, metric: 'exposed_blocks', value: counts.exposedBlocks, unit: 'blocks' },
  ];
}

const allowed = { note: 'allowed by the contract; added up over the crash images' };

function latencyMetrics(latency: LatencySummary | undefined): readonly Metric[] {
  if (latency === undefined) return [unknownMetric('latency_p50', 'ns', 'not measured')];
  const note =
    latency.clock === 'virtual'
      ? "the twin's modelled time, never a performance figure"
      : 'real time';
  const inNs = (metric: string, value: number): Metric => ({ metric, value, unit: 'ns', note });
  return [
    { metric: 'latency_count', value: latency.count, unit: 'operations', note },
    inNs('latency_p50', latency.p50Ns),
    inNs('latency_p90', latency.p90Ns),
    inNs('latency_p99', latency.p99Ns),
    inNs('latency_p99.9', latency.p999Ns),
    inNs('latency_max', latency.maxNs),
  ];
}

function amplificationMetrics(cell: CellResult): readonly Metric[] {
  const amplification = cell.writeAmplification;
  if (amplification === undefined) return [unknownMetric('user_bytes', 'bytes', 'not measured')];
  const { deviceBytes } = amplification;
  return [
    { metric: 'user_bytes', value: amplification.userBytes, unit: 'bytes' },
    ...Object.entries(amplification.engineBytes).map(([purpose, value]) => ({
      metric: `engine_bytes_${purpose}`,
      value,
      unit: 'bytes',
    })),
    deviceBytes === undefined
      ? unknownMetric('device_bytes', 'bytes', 'not reported')
      : { metric: 'device_bytes', value: deviceBytes, unit: 'bytes' },
    { metric: 'flushes', value: amplification.flushes, unit: 'requests' },
    { metric: 'fua_writes', value: amplification.fuaWrites, unit: 'requests' },
    ...simulatedFlashMetrics(amplification.simulatedFlash),
  ];
}

function simulatedFlashMetrics(flash: SimulatedFlashWrites | undefined): readonly Metric[] {
  if (flash === undefined) return [];
  const note = 'simulated: of a model of flash, measured on no drive';
  return [
    { metric: 'simulated_flash_host_bytes', value: flash.hostBytes, unit: 'bytes', note },
    {
      metric: 'simulated_flash_programmed_bytes',
      value: flash.programmedBytes,
      unit: 'bytes',
      note,
    },
    { metric: 'simulated_flash_erases', value: flash.erases, unit: 'erase blocks', note },
  ];
}

function recoveryMetrics({ recovery }: CellResult): readonly Metric[] {
  if (recovery === undefined) {
    return [unknownMetric('recovery_requests_median', 'requests', 'nothing was recovered')];
  }
  return [
    { metric: 'recoveries', value: recovery.count, unit: 'recoveries' },
    { metric: 'recovery_requests_median', value: recovery.requestsMedian, unit: 'requests' },
    { metric: 'recovery_requests_max', value: recovery.requestsMax, unit: 'requests' },
  ];
}

function unknownMetric(metric: string, unit: string, note: string): Metric {
  return { metric, value: '', unit, note };
}
