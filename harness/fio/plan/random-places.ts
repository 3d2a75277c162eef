import type { Random } from '../../contract/index.ts';
import type { AbsoluteZonePart, Direction, FioJob, ZonePart } from '../job.ts';
import { normalPlaces, paretoPlaces, zipfPlaces, type Places } from './skewed-places.ts';
import { percentDraw, uniformBelow } from './uniform-below.ts';

/** Draws places without memory: what a job takes that has no random map. */
export function placesOf(
  pattern: FioJob['pattern'],
  direction: Direction,
  blockCount: number,
  random: Random,
): Places {
  const { distribution } = pattern;
  switch (distribution.kind) {
    case 'random':
      return { next: () => uniformBelow(blockCount, random) };
    case 'zipf':
      return zipfPlaces(blockCount, distribution, random);
    case 'pareto':
      return paretoPlaces(blockCount, distribution, random);
    case 'normal':
      return normalPlaces(blockCount, distribution, random);
    case 'zoned':
      return zonedPlaces(relativeZones(distribution.zones[direction], blockCount), random);
    case 'zoned_abs': {
      const alignBytes = pattern.blocks[direction].alignBytes;
      return zonedPlaces(absoluteZones(distribution.zones[direction], alignBytes), random);
    }
  }
}

interface Zone {
  readonly accessPercent: number;
  readonly firstBlock: number;
  readonly blockCount: number;
}

function relativeZones(parts: readonly ZonePart[], blockCount: number): readonly Zone[] {
  let startPercent = 0;
  return parts.map(({ accessPercent, endPercent }) => {
    const zone = {
      accessPercent,
      firstBlock: Math.floor((startPercent * blockCount) / 100),
      blockCount: Math.floor((blockCount * (endPercent - startPercent)) / 100),
    };
    startPercent = endPercent;
    return zone;
  });
}

function absoluteZones(parts: readonly AbsoluteZonePart[], alignBytes: number): readonly Zone[] {
  let start = 0;
  return parts.map(({ accessPercent, endBytes }) => {
    const end = Math.floor(endBytes / alignBytes);
    const zone = { accessPercent, firstBlock: start, blockCount: end - start };
    start = end;
    return zone;
  });
}

/** One draw for the zone, by a table of a hundred entries, and one for the place within. */
function zonedPlaces(zones: readonly Zone[], random: Random): Places {
  const table = zones.flatMap((zone) => Array.from({ length: zone.accessPercent }, () => zone));
  return {
    next(): number {
      const zone = table[percentDraw(random) - 1] ?? table[table.length - 1]!;
      return zone.firstBlock + uniformBelow(Math.max(zone.blockCount, 1), random);
    },
  };
}
