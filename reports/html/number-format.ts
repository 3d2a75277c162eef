import { nounFor } from '../../harness/contract/index.ts';

const counts = new Intl.NumberFormat('en-US');

export function formatCount(count: number): string {
  return counts.format(count);
}

export function countCells(count: number): string {
  return `${formatCount(count)} ${nounFor(count, 'cell')}`;
}

/** Three significant digits: more would claim more than a histogram knows. */
function toSignificant(value: number): string {
  if (value >= 100) return counts.format(Math.round(value));
  return value.toPrecision(3).replace(/\.?0+$/, '');
}

export function formatDurationNs(ns: number): string {
  if (ns < 1e3) return `${toSignificant(ns)} ns`;
  if (ns < 1e6) return `${toSignificant(ns / 1e3)} µs`;
  if (ns < 1e9) return `${toSignificant(ns / 1e6)} ms`;
  return formatLongDuration(ns / 1e9);
}

function formatLongDuration(seconds: number): string {
  if (seconds < 60) return `${toSignificant(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10);
  const index = Math.min(power, byteUnits.length - 1);
  return `${toSignificant(bytes / 1024 ** index)} ${byteUnits[index]!}`;
}

export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)}×`;
}

/** A count that only its logarithm can hold: whole where it is small, else a power of ten. */
export function formatFromLog10(log10: number): string {
  return log10 < 6 ? formatCount(Math.round(10 ** log10)) : `10^${log10.toFixed(1)}`;
}
