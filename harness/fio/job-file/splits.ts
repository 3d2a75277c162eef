import { directions, type BlockSizes, type Distribution, type PerDirection } from '../job.ts';
import { ValueProblem } from './problem.ts';
import { readBytes, readDecimal, readWhole, type Units } from './quantities.ts';
import { perDirection, required } from './value-readers.ts';

type SplitParts = BlockSizes['split'];

/** `4k/60:64k/40`: sizes with their percentages; those without one share what is missing. */
export const blockSplit = perDirection((part: string, units): SplitParts => {
  const entries = part.split(':').filter((entry) => entry !== '');
  const parts = entries.map((entry) => {
    const [size = '', share = '', ...more] = entry.split('/');
    if (more.length > 0) throw new ValueProblem(`"${entry}" is no size/percentage`, 'write 4k/60');
    const byteCount = readBytes(size, units);
    if (byteCount === 0) throw new ValueProblem(`"${entry}" has the size 0`, 'write at least 1');
    return {
      byteCount,
      percent: share === '' || share === '0' ? undefined : readShare(share, entry),
    };
  });
  const given = parts.reduce((sum, { percent }) => sum + (percent ?? 0), 0);
  const missing = parts.filter(({ percent }) => percent === undefined).length;
  if (given > 100 || (missing === 0 && given !== 100)) {
    throw new ValueProblem(`the percentages of "${part}" add up to ${given}`, 'make them 100');
  }
  const rest = missing === 0 ? 0 : Math.floor((100 - given) / missing);
  return parts
    .map(({ byteCount, percent }) => ({ byteCount, percent: percent ?? rest }))
    .sort((one, other) => one.percent - other.percent);
});

function readShare(share: string, entry: string): number {
  try {
    return readWhole(share, { max: 100 });
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    throw new ValueProblem(`"${entry}" has no percentage from 0 to 100`, 'write 4k/60');
  }
}

const defaultTheta = 1.1;
const defaultPower = 0.2;

/** `zipf:1.2`, `pareto:0.2:0.5`, `normal:20`, `zoned:60/10:40/90`, `zoned_abs:60/20g:40/100g`. */
export const distribution = required((value, units): Distribution => {
  const [kind = '', ...rest] = value.split(':');
  switch (kind) {
    case 'random':
      return { kind };
    case 'zipf': {
      const { number: theta, center } = shape(rest, defaultTheta);
      if (theta === 1) throw new ValueProblem('zipf has no theta of 1', 'write 0.99 or 1.01');
      return { kind, theta, center };
    }
    case 'pareto': {
      const { number: power, center } = shape(rest, defaultPower);
      if (power <= 0 || power >= 1) {
        throw new ValueProblem(`pareto has no power of ${power}`, 'write a number between 0 and 1');
      }
      return { kind, power, center };
    }
    case 'normal': {
      const { number: deviationPercent, center } = shape(rest, 0);
      if (deviationPercent < 0 || deviationPercent >= 100) {
        throw new ValueProblem(
          `normal has no deviation of ${deviationPercent}`,
          'write a percentage from 0 to below 100',
        );
      }
      return { kind, deviationPercent, center };
    }
    case 'zoned':
      return { kind, zones: zones(rest.join(':'), units, relativeZone, relativeEnds) };
    case 'zoned_abs':
      return { kind, zones: zones(rest.join(':'), units, absoluteZone, absoluteEnds) };
    default:
      throw new ValueProblem(
        `"${kind}" is unknown`,
        'use one of random, zipf, pareto, normal, zoned, zoned_abs',
      );
  }
});

function shape(
  parts: readonly string[],
  defaultNumber: number,
): { readonly number: number; readonly center: number | null } {
  if (parts.length > 2)
    throw new ValueProblem('there are too many parts', 'write kind:number:center');
  const number = parts[0] === undefined ? defaultNumber : readDecimal(parts[0]);
  const center = parts[1] === undefined ? null : readDecimal(parts[1]);
  if (center !== null && (center < 0 || center > 1)) {
    throw new ValueProblem(`the center ${center} is out of range`, 'write a number from 0 to 1');
  }
  return { number, center };
}

interface ReadZone {
  readonly accessPercent: number;
  /** Undefined for `20/`: a share of what the others leave. */
  readonly size: number | undefined;
}

/** Both zone kinds differ only in what a zone's size is. */
function zones<Part>(
  value: string,
  units: Units,
  readZone: (entry: string, units: Units) => ReadZone,
  withEnds: (read: readonly ReadZone[]) => readonly Part[],
): PerDirection<readonly Part[]> {
  const read = perDirection((part: string): readonly Part[] => {
    const found = part.split(':').map((entry) => readZone(entry, units));
    const access = found.reduce((sum, { accessPercent }) => sum + accessPercent, 0);
    if (access !== 100) {
      throw new ValueProblem(`the accesses of "${part}" add up to ${access} %`, 'make them 100');
    }
    return withEnds(found);
  })(value, units);
  const complete: Record<string, readonly Part[]> = {};
  for (const direction of directions) complete[direction] = read[direction] ?? read.read ?? [];
  return complete as PerDirection<readonly Part[]>;
}

function relativeZone(entry: string): ReadZone {
  const found = /^(\d+)\/(\d*)$/.exec(entry);
  if (found !== null) {
    const size = found[2] === '' ? undefined : Number(found[2]);
    return { accessPercent: Number(found[1]), size };
  }
  throw new ValueProblem(`"${entry}" is no zone`, 'write access/size in percent: 60/10');
}

function absoluteZone(entry: string, units: Units): ReadZone {
  const found = /^(\d+)\/([^/]+)$/.exec(entry);
  if (found !== null) return { accessPercent: Number(found[1]), size: readBytes(found[2]!, units) };
  throw new ValueProblem(`"${entry}" is no zone`, 'write access/size: 60/20g');
}

function relativeEnds(
  read: readonly ReadZone[],
): readonly { readonly accessPercent: number; readonly endPercent: number }[] {
  const given = read.reduce((sum, { size }) => sum + (size ?? 0), 0);
  if (given > 100)
    throw new ValueProblem(`the sizes add up to ${given} %`, 'make them at most 100');
  const missing = read.filter(({ size }) => size === undefined).length;
  const rest = missing === 0 ? 0 : Math.floor((100 - given) / missing);
  const ends = runningSums(read.map(({ size }) => size ?? rest));
  return read.map(({ accessPercent }, index) => ({ accessPercent, endPercent: ends[index]! }));
}

function absoluteEnds(
  read: readonly ReadZone[],
): readonly { readonly accessPercent: number; readonly endBytes: number }[] {
  const ends = runningSums(read.map(({ size }) => size ?? 0));
  return read.map(({ accessPercent }, index) => ({ accessPercent, endBytes: ends[index]! }));
}

function runningSums(sizes: readonly number[]): readonly number[] {
  let sum = 0;
  return sizes.map((size) => (sum += size));
}
