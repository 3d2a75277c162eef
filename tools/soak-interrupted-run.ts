/**
 * A run of the whole program as a process that is ended by a signal, and what it has left on the
 * machine: nothing may be left after SIGINT and SIGTERM, and nothing after SIGKILL and `powercut
 * clean`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../harness/contract/index.ts';
import { marked, type Mark } from './soak-inventory.ts';

/** Words of `powercut run`, and about how far a run of them goes, so that moments lie within it. */
export interface InterruptedScenario {
  readonly words: readonly string[];
  readonly seconds: number;
  /** How many resources it makes, one after the other. */
  readonly resources: number;
}

export type Interruption = 'SIGINT' | 'SIGTERM' | 'SIGKILL';

/** By the clock, or just after something has been made: there it is likeliest to be forgotten. */
export type Moment =
  { readonly afterMs: number } | { readonly afterResource: number; readonly plusMs: number };

export interface InterruptionPlan {
  readonly scenario: InterruptedScenario;
  readonly signal: Interruption;
  /** As Ctrl-C at a terminal reaches the program and all that it has started, but for what has a group of its own. */
  readonly toGroup: boolean;
  /** Once more, a moment later: npm hands on what the terminal has sent to everybody. */
  readonly isRepeated: boolean;
  readonly moment: Moment;
}

export interface InterruptedRun {
  readonly plan: InterruptionPlan;
  /** Null where the signal ended it at once. */
  readonly code: number | null;
  /** False where it had ended before the moment came. */
  readonly wasInterrupted: boolean;
  /** How much was there to be forgotten when the signal was sent. */
  readonly thingsThen: number;
  readonly tookMs: number;
  /** What should not be, in words; empty where all is well. */
  readonly problems: readonly string[];
  readonly output: string;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;

/** All of it from chance, so that a seed gives the same plan again; the moment is that of a clock. */
export function planInterruption(
  random: Random,
  scenarios: readonly InterruptedScenario[],
): InterruptionPlan {
  const scenario = scenarios[random.below(scenarios.length)]!;
  return {
    scenario,
    signal: signals[random.below(signals.length)]!,
    toGroup: random.below(2) === 0,
    isRepeated: random.below(3) === 0,
    moment:
      random.below(2) === 0
        ? { afterMs: 200 + random.below(scenario.seconds * 1000) }
        : { afterResource: 1 + random.below(scenario.resources), plusMs: random.below(60) },
  };
}

export function describePlan(plan: InterruptionPlan): string {
  const { scenario, signal, toGroup, isRepeated, moment } = plan;
  const how = `${isRepeated ? ' twice' : ''}${toGroup ? ' to the group' : ''}`;
  const when =
    'afterMs' in moment
      ? `${moment.afterMs} ms after the start`
      : `${moment.plusMs} ms after resource ${moment.afterResource}`;
  return `${scenario.words.join(' ')}: ${signal}${how} ${when}`;
}

/** Signals that are closer together may reach a process as one. */
const repeatedAfterMs = 30;
/** How long a run may take to clean up and report. */
const endWithinMs = 40_000;

/**
 * The mark's directory must be empty, and be on a path short enough for sockets. Aborted, `stop` brings
 * the moment about at once.
 */
export async function interruptRun(
  plan: InterruptionPlan,
  mark: Mark,
  runDirectory: string,
  stop: AbortSignal,
): Promise<InterruptedRun> {
  const run = startProgram(
    ['run', ...plan.scenario.words, '--out', runDirectory, '--no-progress'],
    mark,
  );
  await momentComes(plan, () => run.hasEnded() || stop.aborted, mark);
  const hasEnded = run.hasEnded();
  const thingsThen = marked(mark).length;
  const sentMs = performance.now();
  if (!hasEnded) {
    send(run.child, plan);
    if (plan.isRepeated) await sleep(repeatedAfterMs);
    if (plan.isRepeated) send(run.child, plan);
  }
  const code = await endOf(run, mark);
  const problems: string[] = [];
  const tookMs = performance.now() - sentMs;
  if (code === 'hangs') problems.push(`has not ended ${endWithinMs / 1000} s after ${plan.signal}`);
  const allowed = allowedCodes(plan.signal, hasEnded);
  if (code !== 'hangs' && !allowed.includes(code)) {
    problems.push(`exit code ${String(code)}, expected ${allowed.join(' or ')}`);
  }
  if (plan.signal === 'SIGKILL') problems.push(...(await clean(mark)));
  problems.push(...marked(mark).map((what) => `left: ${what}`));
  return {
    plan,
    code: code === 'hangs' ? null : code,
    wasInterrupted: !hasEnded,
    thingsThen,
    tookMs,
    problems,
    output: run.output(),
  };
}

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  hasEnded(): boolean;
  output(): string;
}

const main = path.resolve(import.meta.dirname, '../harness/cli/main.ts');

function startProgram(words: readonly string[], { directory, variable }: Mark): Program {
  const [name, value] = variable.split('=') as [string, string];
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...words], {
    env: { ...process.env, TMPDIR: directory, [name]: value },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let over = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      over = true;
      resolve(code);
    });
  });
  return { child, ended, hasEnded: () => over, output: () => output };
}

/** A resource that the run never makes is waited for as long as the clock would have been. */
async function momentComes(
  { moment, scenario }: InterruptionPlan,
  isOver: () => boolean,
  mark: Mark,
): Promise<void> {
  const isByClock = 'afterMs' in moment;
  const dueMs = performance.now() + (isByClock ? moment.afterMs : scenario.seconds * 1000);
  const isMade = (): boolean => !isByClock && resourcesMade(mark.directory) >= moment.afterResource;
  while (!isMade() && !isOver() && performance.now() < dueMs) await sleep(isByClock ? 5 : 1);
  if (!isByClock) await sleep(moment.plusMs);
}

/** By the lists that the program keeps: a line is written before the thing is made. */
function resourcesMade(directory: string): number {
  const root = path.join(directory, 'powercut');
  if (!fs.existsSync(root)) return 0;
  return fs
    .readdirSync(root)
    .filter((name) => name.endsWith('.resources.jsonl'))
    .map((name) => textOf(path.join(root, name)).split('"action":"add"').length - 1)
    .reduce((sum, count) => sum + count, 0);
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function send(child: ChildProcess, { signal, toGroup }: InterruptionPlan): void {
  try {
    process.kill(toGroup ? -child.pid! : child.pid!, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One that hangs is ended, after what it holds has been written down. */
async function endOf(run: Program, mark: Mark): Promise<number | null | 'hangs'> {
  const late = new AbortController();
  const timeout = sleep(endWithinMs, 'hangs' as const, { signal: late.signal });
  timeout.catch(() => undefined);
  const code = await Promise.race([run.ended, timeout]);
  late.abort();
  if (code !== 'hangs') return code;
  run.child.kill('SIGKILL');
  await run.ended;
  await clean(mark);
  return code;
}

/** A signal before the program has begun to listen ends it as any other. */
function allowedCodes(signal: Interruption, hasEnded: boolean): readonly (number | null)[] {
  if (hasEnded) return [0, 1, 4];
  if (signal === 'SIGKILL') return [null, 0, 1, 4];
  return [signal === 'SIGINT' ? 130 : 143, null, 0];
}

async function clean(mark: Mark): Promise<readonly string[]> {
  const program = startProgram(['clean'], mark);
  const code = await program.ended;
  const said = program.output().trim();
  const isClear = code === 0 && !said.includes('undefined');
  return isClear ? [] : [`powercut clean ended with ${String(code)}: ${said}`];
}
