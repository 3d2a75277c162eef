import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { blockDigest } from '../../format/block-digest.ts';
import { blockBytes } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import { nowhere, type BlockMap } from './block-map.ts';
import type { MapLoads } from './map-loads.ts';

/**
 * Reads blocks as they were last acknowledged. A place may have been given up and written over while
 * it was read; then the block has moved, and is read again. Throws EngineRefusal `corrupt` where a
 * block is not what its entry says was written (rotten, lost, torn, misdirected or stale), and where its
 * page of the map is damaged or cannot be read.
 */
export async function readMapped(
  site: VolumeSite,
  map: BlockMap,
  loads: MapLoads,
  block: number,
  target: Uint8Array,
): Promise<void> {
  const count = target.length / blockBytes;
  const loading = loads.loadRange(block, count);
  if (loading !== undefined) await loading;
  for (let index = 0; index < count;) {
    const run = runAt(map, block + index, count - index);
    const bytes = target.subarray(index * blockBytes, (index + run.versions.length) * blockBytes);
    if (await readRun(site, map, run, bytes)) index += run.versions.length;
  }
}

/** Blocks in a row that lie in a row, or that have never been written. */
interface MappedRun {
  readonly block: number;
  readonly place: number;
  readonly versions: readonly number[];
}

function runAt(map: BlockMap, block: number, countMax: number): MappedRun {
  const place = map.placeOf(block);
  const versions = [map.versionOf(block)];
  for (let index = 1; index < countMax; index++) {
    const expected = place === nowhere ? nowhere : place + index;
    if (map.placeOf(block + index) !== expected) break;
    versions.push(map.versionOf(block + index));
  }
  return { block, place, versions };
}

/** False where a block of the run has moved meanwhile: what was read says nothing. */
async function readRun(
  { data, layout, crc32c }: VolumeSite,
  map: BlockMap,
  run: MappedRun,
  bytes: Uint8Array,
): Promise<boolean> {
  if (run.place === nowhere) {
    bytes.fill(0);
    return true;
  }
  await data.read(layout.extents.data.byteOffset + run.place * blockBytes, bytes);
  if (hasMoved(map, run)) return false;
  if (!map.hasDigests) return true;
  for (let index = 0; index < run.versions.length; index++) {
    const found = blockDigest(bytes.subarray(index * blockBytes, (index + 1) * blockBytes), crc32c);
    if (found === map.digestOf(run.block + index)) continue;
    throw new EngineRefusal(
      'corrupt',
      `block ${run.block + index}, at place ${run.place + index} of the data area, does not hold what was written there`,
    );
  }
  return true;
}

function hasMoved(map: BlockMap, { block, place, versions }: MappedRun): boolean {
  return versions.some(
    (version, index) =>
      map.placeOf(block + index) !== place + index || map.versionOf(block + index) !== version,
  );
}
