import { readFileSync } from 'node:fs';
import type { RoundWeather } from './statistics/round-taint.ts';

/** A moment of the machine, to be set against a later one. */
export interface WeatherReading {
  /** Ticks of all processors since the start: busy without steal, stolen, and in all. */
  readonly ticks: CpuTicks | undefined;
  /** Microseconds of CPU time of this process. */
  readonly ownMicroseconds: number;
}

interface CpuTicks {
  readonly busy: number;
  readonly stolen: number;
  readonly all: number;
}

/** USER_HZ of Linux, which is 100 on every platform that Node runs on (proc_stat(5)). */
const ticksPerSecond = 100;

export function readWeather(statFile = '/proc/stat'): WeatherReading {
  const { user, system } = process.cpuUsage();
  return { ticks: readTicks(statFile), ownMicroseconds: user + system };
}

/** What else went on between two readings; `spinNs` comes from `spin`. */
export function weatherBetween(
  before: WeatherReading,
  after: WeatherReading,
  spinNs: number | undefined,
): RoundWeather {
  if (before.ticks === undefined || after.ticks === undefined) {
    return { stealPart: undefined, foreignCpuPart: undefined, spinNs };
  }
  const all = after.ticks.all - before.ticks.all;
  if (all <= 0) return { stealPart: undefined, foreignCpuPart: undefined, spinNs };
  const own = ((after.ownMicroseconds - before.ownMicroseconds) / 1e6) * ticksPerSecond;
  const busy = after.ticks.busy - before.ticks.busy;
  return {
    stealPart: (after.ticks.stolen - before.ticks.stolen) / all,
    foreignCpuPart: Math.max(0, busy - own) / all,
    spinNs,
  };
}

/** Time of a fixed piece of work: the least of a few, since whatever interrupts it makes it longer. */
export function spin(nowNs: () => number): number {
  let least = Infinity;
  for (let time = 0; time < 5; time++) {
    const begin = nowNs();
    let value = 1;
    for (let step = 0; step < 2_000_000; step++) value = (Math.imul(value, 1_664_525) + step) | 0;
    const took = nowNs() - begin;
    // The result is used, so that the work cannot be left out.
    if (took < least && value !== 0.5) least = took;
  }
  return least;
}

/** `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest is part of user. */
function readTicks(statFile: string): CpuTicks | undefined {
  try {
    const line = readFileSync(statFile, 'utf8').split('\n', 1)[0]!;
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = line
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + irq + soft;
    return { busy, stolen, all: busy + idle + wait + stolen };
  } catch {
    return undefined;
  }
}
