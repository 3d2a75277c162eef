/**
 * `npm run bench:fio [-- --pairs 24 --seconds 3 --only QD --target DIRECTORY --bound --tuning JSON]`: runs our
 * data plane and fio by the same options, interleaved, and prints the quotients with their intervals
 * beside those of fio against itself. Exit code 1 where a bar is missed.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../../contract/index.ts';
import { createBackingFile } from '../../device/backing-file.ts';
import { fioMissing, hasFio } from '../../measure/fio.ts';
import { usableProcessors } from '../data-plane/job-processors.ts';
import type { RingTuning } from '../data-plane/ring-driver.ts';
import { compareRounds, type Comparison, type Quotient, type Round } from './compare-rounds.ts';
import { comparedLoads, type ComparedLoad } from './compared-load.ts';
import { measureFio, measureOurs, type Figures } from './measure-side.ts';

interface Settings {
  readonly pairs: number;
  readonly seconds: number;
  readonly only: string;
  readonly directory: string;
  readonly fileBytes: number;
  readonly tuning: RingTuning;
  /** All sides of a round run on one processor, and the rounds on each in turn (ADR 0023). */
  readonly isBound: boolean;
}

const mebibyte = 1024 * 1024;
/** Beside the sources and not under /tmp, which may be memory. */
const defaultDirectory = fileURLToPath(new URL('../../../.cache/bench', import.meta.url));

process.exitCode = await main();

async function main(): Promise<number> {
  const settings = readSettings();
  if (!(await hasFio())) {
    process.stderr.write(`${fioMissing}\n`);
    return 3;
  }
  fs.mkdirSync(settings.directory, { recursive: true });
  const folder = fs.mkdtempSync(path.join(settings.directory, 'against-fio-'));
  // Also when the run is interrupted: the file is large.
  process.once('exit', () => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(130));
  }
  const file = path.join(folder, 'target');
  await createBackingFile(file, settings.fileBytes);
  return compareAll(settings, file);
}

function readSettings(): Settings {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '24' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      target: { type: 'string', default: defaultDirectory },
      mebibytes: { type: 'string', default: '256' },
      tuning: { type: 'string', default: '{}' },
      bound: { type: 'boolean', default: false },
    },
  });
  return {
    pairs: positive('pairs', values.pairs),
    seconds: positive('seconds', values.seconds),
    only: values.only,
    directory: values.target,
    fileBytes: positive('mebibytes', values.mebibytes) * mebibyte,
    tuning: JSON.parse(values.tuning) as RingTuning,
    isBound: values.bound,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--${name} is a number above 0, not "${text}"`);
}

async function compareAll(settings: Settings, file: string): Promise<number> {
  const loads = comparedLoads(file, settings.fileBytes).filter(({ name }) =>
    name.includes(settings.only),
  );
  if (loads.length === 0) throw new Error(`no load's name holds "${settings.only}"`);
  const cpu = os.cpus()[0]?.model ?? 'unknown CPU';
  print(`${cpu}, ${os.availableParallelism()} cores, kernel ${os.release()}, ${process.version}`);
  print(
    `${settings.pairs} rounds of ${settings.seconds} s a side, load ${loadNow()} at the start\n`,
  );
  print(`${'load'.padEnd(62)} figure        ours/fio [95 %]        fio/fio [95 %]        bar`);
  let missed = 0;
  for (const load of loads) {
    const rounds = await runRounds(load, settings);
    for (const bar of load.bars) {
      const comparison = compareRounds(rounds, bar);
      if (comparison.verdict === 'missed') missed++;
      print(lineOf(load, comparison));
    }
    print(`  ${mediansOf(rounds)}`);
  }
  print(`\nload ${loadNow()} at the end`);
  return missed === 0 ? 0 : 1;
}

/** The sides take turns, and which one begins is drawn, so that drift hits all alike. */
async function runRounds(load: ComparedLoad, settings: Settings): Promise<readonly Round[]> {
  const random = createRandom(load.name);
  const processors = usableProcessors();
  const rounds: Round[] = [];
  for (let round = 0; round < settings.pairs; round++) {
    progress(`${load.name}: round ${round + 1} of ${settings.pairs}`);
    const bound = settings.isBound ? { cpus_allowed: processors[round % processors.length]! } : {};
    const options = { ...load.options, ...bound };
    rounds.push(await runRound({ ...load, options }, settings, random));
  }
  progress('');
  return rounds;
}

async function runRound(
  { options, fioOnly, oursOnly }: ComparedLoad,
  { seconds, tuning }: Settings,
  random: Random,
): Promise<Round> {
  const fio = (): Promise<Figures> => measureFio({ ...options, ...fioOnly }, seconds);
  const sides: Record<keyof Round, () => Promise<Figures>> = {
    ours: () => measureOurs({ ...options, ...oursOnly }, seconds, tuning),
    fio,
    fioAgain: fio,
  };
  const order = shuffled(['ours', 'fio', 'fioAgain'] as const, random);
  const figures: Partial<Record<keyof Round, Figures>> = {};
  for (const side of order) figures[side] = await sides[side]();
  return figures as Round;
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0]!);
}

function lineOf({ name }: ComparedLoad, { bar, oursToFio, fioToFio, verdict }: Comparison): string {
  const figure = { iops: 'IOPS', latencyP50Ns: 'median lat', cpuPerOpNs: 'CPU per I/O' }[
    bar.figure
  ];
  const expected = 'atLeast' in bar.bound ? `≥ ${bar.bound.atLeast}` : `≤ ${bar.bound.atMost}`;
  return `${name.padEnd(62)} ${figure.padEnd(12)} ${shown(oursToFio)}   ${shown(fioToFio)}   ${expected}: ${verdict}`;
}

function shown({ estimate, lower, upper }: Quotient): string {
  return `${estimate.toFixed(3)} [${lower.toFixed(3)}, ${upper.toFixed(3)}]`;
}

/** Medians of both sides, for whoever wants to see what the quotients are made of. */
function mediansOf(rounds: readonly Round[]): string {
  const median = (of: (round: Round) => number): number =>
    rounds.map(of).sort((one, other) => one - other)[rounds.length >> 1]!;
  const side = (name: 'ours' | 'fio'): string =>
    `${name}: ${Math.round(median((round) => round[name].iops))} IOPS, ` +
    `median ${(median((round) => round[name].latencyP50Ns) / 1000).toFixed(1)} µs, ` +
    `${(median((round) => round[name].cpuPerOpNs) / 1000).toFixed(2)} µs CPU per I/O`;
  return `${side('ours')}; ${side('fio')}`;
}

function loadNow(): string {
  return os.loadavg()[0]!.toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
}
