import { blockDigest, crc32c, crcAround, digestOf } from './checksums.fixture.ts';
import { Fields, isSame, Refusal, type DeviceImage, type Medium } from './medium.fixture.ts';
import type { Log } from './log.fixture.ts';
import { isCallers, mustBeKnown, types, type LogRecord } from './record.fixture.ts';
import type { Superblock } from './superblock.fixture.ts';

/** A block as recovery serves it, or why it must not be. */
export type BlockContents = Uint8Array | 'refused';

export type Volume = (block: number) => BlockContents;

/** Blocks with contents of their own, by number. */
type Images = Map<number, Uint8Array>;

export function readVolume(medium: Medium, log: Log): Volume {
  const { superblock, records } = log;
  const device = medium.data ?? medium.journal;
  if (superblock.isDataApart) checkLabel(device, superblock);
  const places = withCopies(medium, superblock);
  const dataAt = superblock.extents.data.at;
  const inPlace: Volume = (block) => places(dataAt + 4096 * block);
  if (superblock.mode === 'none') return inPlace;
  if (superblock.hasMap) return mappedVolume(places, log);
  const images =
    superblock.mode === 'journal' ? imagesOf(records, superblock) : undoneAndRedone(log);
  if (superblock.isClean) return inPlace;
  return (block) => images.get(block) ?? inPlace(block);
}

function checkLabel(device: DeviceImage, { uuid }: Superblock): void {
  const label = new Fields(device.read(0, 4096));
  const isOurs =
    label.text(0, 4) === 'JDT1' &&
    label.u32(24) === crc32c(label.bytes.subarray(0, 24)) &&
    isSame(label.slice(8, 16), uuid);
  if (!isOurs) throw new Refusal('label', 'the data device is another journal’s');
}

type Places = (at: number) => Uint8Array;

/** The data device as it is when the double-write area has been put back. */
function withCopies({ journal, data }: Medium, superblock: Superblock): Places {
  const device = data ?? journal;
  const copies = new Map<number, Uint8Array>();
  const generations =
    superblock.isDoubled && !superblock.isClean
      ? [0, 1].flatMap((parity) => readGeneration(journal, superblock, parity) ?? [])
      : [];
  generations.sort((a, b) => a.number - b.number);
  for (const { targets } of generations) {
    for (const { at, copy } of targets) copies.set(at, copy);
  }
  return (at) => copies.get(at) ?? device.read(at, 4096);
}

function readGeneration(journal: DeviceImage, superblock: Superblock, parity: number) {
  const { extents, uuid, salt, tail } = superblock;
  const at = extents.doubleWrite.at + parity * 129 * 4096;
  const header = new Fields(journal.read(at, 4096));
  const count = header.u16(6);
  const isWhole =
    header.text(0, 4) === 'JDW1' &&
    header.u16(4) === 1 &&
    count <= 128 &&
    isSame(header.slice(16, 16), uuid) &&
    isSame(header.slice(40, 4), salt) &&
    header.u32(60) === crcAround(header.bytes, 60);
  if (!isWhole || header.u64(32) < tail.lsn) return undefined;
  const targets = Array.from({ length: count }, (_, index) => ({
    at: header.u64(64 + 16 * index),
    digest: header.u32(72 + 16 * index),
    copy: journal.read(at + 4096 * (1 + index), 4096),
  }));
  const isComplete = targets.every(({ digest, copy }) => digest === blockDigest(copy));
  return isComplete ? { number: header.u64(8), targets } : undefined;
}

function mappedVolume(places: Places, log: Log): Volume {
  const { superblock, records } = log;
  const { extents, blocks, spareBlocks, mode } = superblock;
  const { map, damaged } = readMap(places, superblock);
  const free = readFreePlaces(places, log);
  for (const record of records) {
    if (record.type !== types.mapUpdate) refuseUnknown(record, [types.consumerMark]);
    else applyUpdate(record.payload, map, free, blocks + spareBlocks);
  }
  const changed = superblock.isClean ? [] : changedBlocks(records);
  const needed = changed.find((block) => damaged.has(Math.floor(block / 252)));
  if (needed !== undefined) throw new Refusal('map', `the page of block ${needed} is damaged`);
  for (const { place } of map.values()) {
    if (free.has(place)) throw new Refusal('map', `place ${place} is called free and is in use`);
  }
  if (new Set([...map.values()].map(({ place }) => place)).size < map.size) {
    throw new Refusal('map', 'two blocks lie in one place');
  }
  return (block) => {
    if (damaged.has(Math.floor(block / 252))) return 'refused';
    const entry = map.get(block);
    if (entry === undefined) return new Uint8Array(4096);
    const contents = places(extents.data.at + 4096 * entry.place);
    const isRight = mode === 'writeback' || blockDigest(contents) === entry.digest;
    return isRight ? contents : 'refused';
  };
}

type BlockMap = Map<number, { readonly place: number; readonly digest: number }>;

interface FoundMap {
  readonly map: BlockMap;
  /** Numbers of the pages that are not whole. */
  readonly damaged: ReadonlySet<number>;
}

function readMap(places: Places, { extents, blocks, uuid }: Superblock): FoundMap {
  const map: BlockMap = new Map();
  const damaged = new Set<number>();
  for (let number = 0; number * 252 < blocks; number++) {
    const page = new Fields(places(extents.map.at + 4096 * number));
    const isWhole =
      page.text(0, 4) === 'JMP1' &&
      page.u16(4) === 1 &&
      page.u64(8) === number &&
      isSame(page.slice(16, 16), uuid) &&
      page.u32(60) === crcAround(page.bytes, 60);
    if (!isWhole) {
      damaged.add(number);
      continue;
    }
    for (let index = 0; index < page.u16(6); index++) {
      const at = 64 + 16 * index;
      if ((page.u16(at + 6) & 1) === 0) continue;
      const place = page.u32(at) + page.u16(at + 4) * 2 ** 32;
      map.set(252 * number + index, { place, digest: page.u32(at + 8) });
    }
  }
  return { map, damaged };
}

function changedBlocks(records: readonly LogRecord[]): number[] {
  return records
    .filter(({ type }) => type === types.mapUpdate)
    .flatMap(({ payload }) =>
      Array.from({ length: payload.bytes.length / 20 }, (_, index) => payload.u64(20 * index)),
    );
}

/** Places that may be given out without a look at the map, but for those that the log names. */
function readFreePlaces(places: Places, { superblock, end }: Log): Set<number> {
  const { extents, blocks, spareBlocks, uuid, freePageLsn } = superblock;
  const at = extents.map.at + 4096 * Math.ceil(blocks / 252);
  const free = new Set<number>();
  if (at + 4096 > extents.map.at + extents.map.byteCount || freePageLsn === 0) return free;
  const page = new Fields(places(at));
  const isWhole =
    page.text(0, 4) === 'JFP1' &&
    page.u16(4) === 1 &&
    page.u16(6) <= 504 &&
    isSame(page.slice(16, 16), uuid) &&
    page.u32(60) === crcAround(page.bytes, 60);
  if (!isWhole || page.u64(32) < freePageLsn || page.u64(32) > end.lsn) return free;
  for (let index = 0; index < page.u16(6); index++) {
    const start = page.u32(64 + 8 * index) + page.u16(68 + 8 * index) * 2 ** 32;
    const count = page.u16(70 + 8 * index);
    if (start + count > blocks + spareBlocks) return new Set();
    for (let place = start; place < start + count; place++) free.add(place);
  }
  return free;
}

function applyUpdate(payload: Fields, map: BlockMap, free: Set<number>, places: number): void {
  for (let at = 0; at < payload.bytes.length; at += 20) {
    const place = payload.u64(at + 8);
    if (place >= places) throw new Refusal('record', `there is no place ${place}`);
    free.delete(place);
    map.set(payload.u64(at), { place, digest: payload.u32(at + 16) });
  }
}

interface Transaction {
  readonly records: LogRecord[];
  readonly before: [number, Uint8Array][];
  readonly after: [number, Uint8Array][];
}

function begun(): Transaction {
  return { records: [], before: [], after: [] };
}

/** Block and image behind a txid, or behind nothing. */
function imagesIn({ payload }: LogRecord, at: number, blocks: number): [number, Uint8Array][] {
  const first = payload.u64(at);
  const count = payload.u16(at + 8);
  if (payload.bytes.length !== at + 16 + 4096 * count || first + count > blocks) {
    throw new Refusal('record', `block ${first} is not one of the volume`);
  }
  return Array.from({ length: count }, (_, index) => [
    first + index,
    payload.slice(at + 16 + 4096 * index, 4096),
  ]);
}

/** Mode `journal`. */
function imagesOf(records: readonly LogRecord[], { blocks }: Superblock): Images {
  const images: Images = new Map();
  let open: Transaction | undefined;
  for (const record of records) {
    const { type, payload } = record;
    if (type === types.segHdr) continue;
    if (type === types.epochStart) {
      open = undefined;
    } else if (type === types.txnBegin) {
      open = begun();
      open.records.push(record);
    } else if (type === types.txnCommit) {
      if (open === undefined || !commits(open, record)) throw strayCommit(record);
      for (const [block, image] of open.after) images.set(block, image);
      open = undefined;
    } else if (open !== undefined) {
      const isMember = type === types.txnBlock || type === types.consumerMark;
      if (!isMember || payload.u64(0) !== open.records[0]!.lsn) throw strayCommit(record);
      open.records.push(record);
      if (type === types.txnBlock) open.after.push(...imagesIn(record, 8, blocks));
    } else if (type === types.blockWrite) {
      for (const [block, image] of imagesIn(record, 0, blocks)) images.set(block, image);
    } else refuseUnknown(record, [types.consumerMark]);
  }
  return images;
}

function commits({ records }: Transaction, { payload }: LogRecord): boolean {
  const txid = records[0]!.lsn;
  return (
    payload.u64(0) === txid &&
    payload.u64(12) === txid &&
    payload.u32(8) === records.length &&
    payload.u32(20) === digestOf(records.map(({ crc }) => crc))
  );
}

/** Mode `undo-redo`: forward, and back where an epoch ends. */
function undoneAndRedone({ records, superblock, batches, end }: Log): Images {
  const images: Images = new Map();
  const open = new Map<number, Transaction>();
  const firstLsn = batches[0]?.place.lsn ?? end.lsn;
  const take = (changes: readonly [number, Uint8Array][]): void => {
    for (const [block, image] of changes) images.set(block, image);
  };
  const takeBackAll = (): void => {
    for (const { before } of open.values()) take(before);
    open.clear();
  };
  const ownerOf = (txid: number): Transaction => {
    if (!open.has(txid)) open.set(txid, begun());
    return open.get(txid)!;
  };
  for (const record of records) {
    const { type, payload } = record;
    if (type === types.epochStart) takeBackAll();
    const isOfTransaction = transactional.has(type) && payload.u64(0) !== 0;
    if (!isOfTransaction) {
      if (type !== types.epochStart && type !== types.segHdr) {
        refuseUnknown(record, [types.consumerMark, types.clr]);
      }
      continue;
    }
    const txid = payload.u64(0);
    if (type === types.txnAbort) {
      take(open.get(txid)?.before ?? []);
      open.delete(txid);
      continue;
    }
    const owner = ownerOf(txid);
    if (type === types.txnCommit) {
      if (txid >= firstLsn && !commits(owner, record)) throw strayCommit(record);
      take(owner.after);
      open.delete(txid);
      continue;
    }
    owner.records.push(record);
    if (type === types.undo) owner.before.push(...imagesIn(record, 8, superblock.blocks));
    if (type === types.txnBlock) owner.after.push(...imagesIn(record, 8, superblock.blocks));
  }
  takeBackAll();
  return images;
}

const transactional: ReadonlySet<number> = new Set([
  types.txnBegin,
  types.undo,
  types.txnBlock,
  types.txnCommit,
  types.txnAbort,
  types.consumerMark,
]);

function refuseUnknown(record: LogRecord, known: readonly number[]): void {
  const isOfLog = [types.epochStart, types.segHdr, ...known].includes(record.type);
  if (isCallers(record) || isOfLog || !mustBeKnown(record)) return;
  throw new Refusal('record', `type ${record.type.toString(16)} belongs to no such journal`);
}

function strayCommit({ lsn }: LogRecord): Refusal {
  return new Refusal('record', `the record with LSN ${lsn} is of no transaction that is open`);
}
