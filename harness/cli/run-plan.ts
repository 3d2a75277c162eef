import type { Expectation, FaultMoment, Scenario, ScenarioFault } from '../contract/index.ts';
import type { RunRequest } from './services.ts';
import { formatTable } from './text-table.ts';

/** What a run would do, for `--dry-run`. */
export function formatPlan(request: RunRequest): string {
  const scenarios = request.scenarios.map(({ scenario }) => scenario);
  const table = formatTable([
    ['scenario', 'rig', 'engine', 'workload', 'faults', 'seed', 'states', 'expected'],
    ...scenarios.map(planRow),
  ]);
  const count = scenarios.length === 1 ? '1 scenario' : `${scenarios.length} scenarios`;
  const target = formatTargets(request);
  return (
    `${table}\n${count}, ${request.jobs} worker threads, nothing was started\n` +
    `${target}results would go to ${request.runDirectory}\n`
  );
}

function formatTargets({ device, dataDevice, logDevice }: RunRequest): string {
  const named = { device, 'data device': dataDevice, 'log device': logDevice };
  return Object.entries(named)
    .flatMap(([role, path]) => (path === undefined ? [] : [`${role} ${path}\n`]))
    .join('');
}

function planRow(scenario: Scenario): readonly string[] {
  const { name, rig, engine, workload, faults, seed, explore } = scenario;
  return [
    name,
    rig,
    engine.use,
    workload.use,
    faults.length === 0 ? 'none' : faults.map(formatFault).join(' + '),
    String(seed),
    `${explore.rounds} x ${explore.states}`,
    formatExpectation(scenario.expect),
  ];
}

function formatFault({ use, at, times, during, device }: ScenarioFault): string {
  const repeated = times === 1 ? '' : ` x ${times}`;
  const phase = during === 'recovery' ? ' in recovery' : '';
  const place = device === undefined ? '' : ` on ${device}`;
  return `${use}${place} at ${formatMoment(at)}${repeated}${phase}`;
}

function formatMoment(at: FaultMoment): string {
  if ('atOp' in at) return `op ${at.atOp}`;
  if ('atFlush' in at) return `flush ${at.atFlush}`;
  if ('atArea' in at) return `area ${at.atArea}`;
  if ('atBytes' in at) return `byte ${at.atBytes.byteOffset}`;
  return `${at.atNs / 1e6} ms`;
}

function formatExpectation(expect: Expectation): string {
  return expect.verdict === 'pass' ? 'pass' : `fail: ${expect.kinds.join(' or ')}`;
}
