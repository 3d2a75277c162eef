import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { placeCountOf } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import type { BlockMap } from './block-map.ts';
import { FreeSpace } from './free-space.ts';
import { checkPlace, entriesIn } from './map-loads.ts';
import { eachPage } from './map-store.ts';

/**
 * Reads the whole map, once, so that every free place is known: free is what no entry names and what
 * nobody has taken for a block on its way. Blocks may move meanwhile, from places that are counted as
 * used and given up by `FreeSpace.add`, to places of `taken`; no other place may be taken until it
 * resolves. Throws EngineRefusal where a page is damaged or cannot be read, and where two blocks lie in
 * one place. Gives up, with nothing found, when it is told to stop.
 */
export async function findFreePlaces(
  site: VolumeSite,
  map: BlockMap,
  free: FreeSpace,
  taken: FreeSpace,
  isStopped: () => boolean,
): Promise<void> {
  const used = new FreeSpace(placeCountOf(site.layout));
  const use = (block: number, place: number): void => {
    checkPlace(site, free, block, place);
    if (used.add(place)) return;
    throw new EngineRefusal(
      'corrupt',
      `the block map puts block ${block} at place ${place}, which is another block's`,
    );
  };
  await eachPage(site, (pageNumber, page) => {
    if (isStopped()) return false;
    // What is loaded may be ahead of the medium; what is not has never changed since the open.
    const entries = map.hasPage(pageNumber)
      ? map.entriesOf(pageNumber)
      : entriesIn(site, pageNumber, page);
    for (const { block, place } of entries) use(block, place);
    return true;
  });
  if (!isStopped()) free.addAllBut(used, taken);
}
