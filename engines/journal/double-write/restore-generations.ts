import { DeviceError } from '../../../harness/contract/index.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { blockDigest } from '../format/block-digest.ts';
import { blockBytes, generationExtent } from '../format/layout.ts';
import type { Superblock } from '../format/superblock.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { decodeGenerationHeader, type GenerationHeader } from './generation-header.ts';
import { InPlaceWriter, runsOf, type InPlaceSite } from './in-place-writer.ts';

export interface RestoreSite {
  readonly journal: DeviceIo;
  readonly data: DeviceIo;
  readonly superblock: Superblock;
  readonly crc32c: Crc32c;
}

/**
 * The first step of recovery that touches the data device: puts the blocks of both generations of the
 * double-write area in place again, since power may have been lost while they were written there.
 * Answers the writer for the time that the journal is open.
 *
 * A generation counts where its header and all its copies are whole (else its blocks had not been
 * touched yet) and where the log does not begin behind it. That last rule makes it harmless to put
 * back an older copy than the place holds, where a newer generation has rotted or was lost: the log
 * brings the block forward again, as everything that has been acknowledged since is still in it.
 */
export async function restoreGenerations(site: RestoreSite): Promise<InPlaceWriter> {
  const { journal, data, superblock, crc32c } = site;
  const { layout, identity, doubleWrite } = superblock;
  const isDoubled = doubleWrite !== 'off';
  const place: InPlaceSite = { journal, data, layout, identity, isDoubled, crc32c };
  if (!isDoubled) return new InPlaceWriter(place, 1);
  const generations = [await readGeneration(site, 0), await readGeneration(site, 1)]
    .filter((generation) => generation !== undefined)
    .sort((a, b) => a.header.generation - b.header.generation);
  const current = generations.filter(
    ({ isWhole, header }) =>
      !superblock.isClean && isWhole && header.endLsn >= superblock.tail.nextLsn,
  );
  await putBack(data, current);
  return new InPlaceWriter(place, (generations.at(-1)?.header.generation ?? 0) + 1);
}

interface Generation {
  readonly header: GenerationHeader;
  readonly copies: Uint8Array;
  readonly isWhole: boolean;
}

/** Undefined where there is no whole header: it was never written, or its write was cut short. */
async function readGeneration(
  { journal, superblock, crc32c }: RestoreSite,
  parity: 0 | 1,
): Promise<Generation | undefined> {
  const { layout, identity } = superblock;
  const { byteOffset } = generationExtent(layout, parity);
  const bytes = journal.device.allocate(blockBytes);
  if (!(await canRead(journal, byteOffset, bytes))) return undefined;
  const header = decodeGenerationHeader(bytes, identity, crc32c);
  if (header === undefined) return undefined;
  const copies = journal.device.allocate(Math.max(1, header.targets.length) * blockBytes);
  const isReadable = await canRead(journal, byteOffset + blockBytes, copies);
  const isWhole =
    isReadable &&
    header.targets.every(
      ({ digest }, index) => digest === blockDigest(blockAt(copies, index), crc32c),
    );
  return { header, copies, isWhole };
}

/** Only what differs is written: after a quiet end nothing does. */
async function putBack(data: DeviceIo, generations: readonly Generation[]): Promise<void> {
  const newest = new Map<number, Uint8Array>();
  for (const { header, copies } of generations) {
    header.targets.forEach(({ byteOffset }, index) => {
      newest.set(byteOffset, blockAt(copies, index));
    });
  }
  if (newest.size === 0) return;
  const places = Float64Array.from(newest.keys()).sort();
  const found = data.device.allocate(places.length * blockBytes);
  let isChanged = false;
  for (const { start, end } of runsOf(places)) {
    const run = found.subarray(start * blockBytes, end * blockBytes);
    const isReadable = await canRead(data, places[start]!, run);
    for (let index = start; index < end; index++) {
      const copy = newest.get(places[index]!)!;
      if (isReadable && isSame(blockAt(found, index), copy)) continue;
      await data.write('double-write', places[index]!, copy, { fua: false });
      isChanged = true;
    }
  }
  if (isChanged) await data.flushPlainWrites();
}

function blockAt(copies: Uint8Array, index: number): Uint8Array {
  return copies.subarray(index * blockBytes, (index + 1) * blockBytes);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What cannot be read is put back, which heals it. */
async function canRead(io: DeviceIo, byteOffset: number, target: Uint8Array): Promise<boolean> {
  try {
    await io.read(byteOffset, target);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}
