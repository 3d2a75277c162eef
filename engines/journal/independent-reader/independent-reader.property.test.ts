import { expect, test } from 'vitest';
import { createRandom, EngineRefusal, type Random } from '../../../harness/contract/index.ts';
import { planCrashStates } from '../../../harness/drive/crash-states.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { createMaterialiser } from '../../../harness/drive/materialise.ts';
import { openJournal, type Journal } from '../index.ts';
import { driveGeometry } from '../twin.fixture.ts';
import {
  formattedImages,
  mediumOf,
  runAtRandom,
  siteOn,
  testKey,
  type EngineCase,
} from './engine-run.fixture.ts';
import { Refusal } from './medium.fixture.ts';
import { readJournal, type JournalView } from './read-journal.fixture.ts';
import type { LogRecord } from './record.fixture.ts';
import { newest, readSlots, type Superblock } from './superblock.fixture.ts';

/**
 * Goal: engine and README.md agree on every byte. Method: random histories over several epochs, each cut
 * wherever a drive may lose power; of each state the reader, which shares no code with the engine, says
 * what recovery must serve, and the engine recovers it. Then damage at random: both must refuse by the
 * same rule, or serve the same. Seeds are fixed.
 */
const tiny = { ringPages: 32, segmentPages: 8, batchPagesMax: 4, windowPages: 8, dataBlocks: 40 };
const tiniest = { ...tiny, ringPages: 16, segmentPages: 4, batchPagesMax: 2, windowPages: 4 };
const small = { logicalBlockBytes: 512 };
const flushed = { supportsFua: false };
const encryption = { insecureTestKey: 7 };

const cases: readonly EngineCase[] = [
  { name: 'journal', options: tiny, geometry: driveGeometry() },
  {
    name: 'journal, stamped, encrypted, mirrored',
    options: { ...tiny, encryption, doubleWrite: 'full' },
    geometry: driveGeometry(small),
  },
  {
    name: 'journal, 16 KiB pages on 512-byte LBAs, two devices, destage',
    options: { ...tiny, pageBytes: 16384, doubleWrite: 'destage' },
    geometry: driveGeometry({ ...small, ...flushed }),
    dataGeometry: driveGeometry(small),
  },
  {
    name: 'ordered, stamped',
    options: { ...tiniest, mode: 'ordered', dataBlocks: 300, spareBlocks: 20 },
    geometry: driveGeometry({ ...small, ...flushed }),
  },
  {
    name: 'ordered, strict, encrypted, 16 KiB pages on 4096-byte LBAs, two devices',
    options: { ...tiny, mode: 'ordered', strict: true, encryption, pageBytes: 16384 },
    geometry: driveGeometry(),
    dataGeometry: driveGeometry({ ...small, writeCache: 'none' }),
  },
  {
    name: 'writeback, mirrored',
    options: { ...tiniest, mode: 'writeback', doubleWrite: 'full' },
    geometry: driveGeometry(),
  },
  {
    name: 'undo-redo, stamped',
    options: { ...tiny, ringPages: 48, mode: 'undo-redo' },
    geometry: driveGeometry(small),
  },
  {
    name: 'undo-redo, encrypted, stamped 16 KiB pages, destage',
    options: { ...tiny, mode: 'undo-redo', encryption, pageBytes: 16384, doubleWrite: 'destage' },
    geometry: driveGeometry({ ...small, ...flushed }),
  },
  { name: 'none', options: { ...tiniest, mode: 'none' }, geometry: driveGeometry(flushed) },
];

const epochs = 5;
const statesPerEpoch = 60;

test.each(cases)(
  'the reader says of every crash state what the engine then serves: $name',
  async (engineCase) => {
    const random = createRandom(31).fork(engineCase.name);
    const seen = { states: 0, wrapped: 0, rules: new Set<string>(), epochs: 0, appended: 0 };
    for await (const images of crashedImages(engineCase, random)) {
      const { view } = await compare(engineCase, images, random.fork('site'));
      expect(view).toBeDefined();
      seen.states += 1;
      seen.appended += view!.appended.length;
      if (view!.log.end.pageSeq > 2 * view!.log.superblock.ringPages) seen.wrapped += 1;
      seen.epochs = Math.max(seen.epochs, view!.log.superblock.epochs.length);
      seen.rules.add(view!.log.why.rule);
    }
    expect(seen.states).toBeGreaterThan(epochs * 8);
    expect(seen.rules).toEqual(new Set(['R4', 'R5']));
    expect(seen.wrapped).toBeGreaterThan(10);
    expect(seen.appended).toBeGreaterThan(20);
    expect(seen.epochs).toBeGreaterThan(1);
  },
);

test.each(cases)(
  'the reader refuses damage by the rule by which the engine does, or both serve the same: $name',
  async (engineCase) => {
    const random = createRandom(32).fork(engineCase.name);
    const rules = new Set<string>();
    let states = 0;
    for await (const images of crashedImages(engineCase, random)) {
      states += 1;
      if (states % 3 !== 0) continue;
      damage(engineCase, images, random);
      const { rule } = await compare(engineCase, images, random.fork('site'));
      rules.add(rule);
    }
    expect([...rules]).toContain('R1');
    expect(rules.size).toBeGreaterThan(2);
  },
);

/** The last of them begins the next epoch. */
async function* crashedImages(
  engineCase: EngineCase,
  random: Random,
): AsyncGenerator<readonly SparseImage[]> {
  let base = await formattedImages(engineCase, random.fork('format'));
  for (let epoch = 0; epoch < epochs; epoch++) {
    const draws = random.fork(`epoch-${epoch}`);
    const site = siteOn(engineCase, forked(base), draws.fork('site'));
    await runAtRandom(engineCase, site, draws.fork('load'), 80);
    const plan = planCrashStates(site.history, {
      statesMax: statesPerEpoch,
      random: draws.fork('plan'),
    });
    const materialiser = createMaterialiser(plan);
    for (const state of plan.states) {
      const images = materialiser.images(state);
      if (state.bornAt > 0) base = forked(images);
      yield images;
    }
  }
}

function forked(images: readonly SparseImage[]): readonly SparseImage[] {
  return images.map((image) => image.fork());
}

/** A flipped bit, a slot as it was formatted, or a superblock lost: most of it in the ring. */
function damage(engineCase: EngineCase, images: readonly SparseImage[], random: Random): void {
  const { log, slots } = readJournal(mediumOf(engineCase, images, keyOf(engineCase)));
  const { extents, pageBytes, ringPages, sequence, isMirrored, journalBytes } = log.superblock;
  const end = journalBytes - 2 ** 20;
  const image = images[0]!;
  if (random.chance(1, 4)) {
    const lost = [2 ** 16, 2 ** 17, end + 2 ** 16, end + 2 ** 17];
    const pair = slots.filter(({ superblock }) => superblock?.sequence === sequence);
    for (const { slot } of pair) image.writeBytes(lost[slot]!, new Uint8Array(4096));
    return;
  }
  if (log.superblock.isDoubled && random.chance(1, 2)) {
    damageInPlace(images, extents.doubleWrite.at + random.below(2) * 129 * 4096, random);
    return;
  }
  const near = log.end.pageSeq - random.below(6) + random.below(3);
  const slot = (near + ringPages) % ringPages;
  const rings = [extents.ring.at, ...(isMirrored ? [mirrorAt(log.superblock)] : [])];
  const kind = random.below(3);
  for (const at of rings) {
    const page = new Uint8Array(pageBytes);
    image.read(at + slot * pageBytes, page);
    if (kind === 0) page[random.below(pageBytes)]! ^= 1 << random.below(8);
    const other = (slot + ringPages - 1) % ringPages;
    if (kind === 1) image.read(at + other * pageBytes, page);
    if (kind === 2) page.copyWithin(pageBytes / 2, 0, pageBytes / 2);
    image.writeBytes(at + slot * pageBytes, page);
  }
}

/** A generation of the double-write area, or the first place that it has a copy of. */
function damageInPlace(images: readonly SparseImage[], generationAt: number, random: Random): void {
  const header = new Uint8Array(4096);
  images[0]!.read(generationAt, header);
  const place = Number(new DataView(header.buffer).getBigUint64(64, true));
  const isPlace = header[0] === 0x4a && place > 0 && random.chance(2, 3);
  if (isPlace) images.at(-1)!.writeBytes(place, new Uint8Array(512).fill(7));
  else images[0]!.writeBytes(generationAt + 4096 * random.below(2), new Uint8Array(4096));
}

function mirrorAt({ extents }: JournalView['log']['superblock']): number {
  return extents.doubleWrite.at + extents.doubleWrite.byteCount - extents.ring.byteCount;
}

function keyOf({ options }: EngineCase): (() => Uint8Array) | undefined {
  return options.encryption === undefined ? undefined : testKey(7);
}

/** What both make of the same images. */
async function compare(
  engineCase: EngineCase,
  images: readonly SparseImage[],
  random: Random,
): Promise<{ readonly view: JournalView | undefined; readonly rule: string }> {
  const view = viewOf(engineCase, images);
  const opened = forked(images);
  const site = siteOn(engineCase, opened, random);
  let journal: Journal;
  try {
    journal = await openJournal(site.devices, engineCase.options, site.platform);
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    const rule = ruleOf(error);
    expect(view, `the engine refuses: ${error.message}`).toBeInstanceOf(Refusal);
    expect((view as Refusal).rule, error.message).toBe(rule);
    return { view: undefined, rule };
  }
  if (view instanceof Refusal) throw new Error(`only the reader refuses: ${view.message}`);
  expect(journal.recovery.note).toContain(noteOf(view));
  await expectSameVolume(journal, view);
  await expectSameRecords(journal, view);
  await journal[Symbol.asyncDispose]();
  expectClaimOf(view, newest(readSlots(mediumOf(engineCase, opened).journal)));
  return { view, rule: view.log.why.isRebuilt ? 'R7' : view.log.why.rule };
}

function ruleOf({ message }: EngineRefusal): string {
  return /\(rule (\w+)\)/.exec(message)?.[1] ?? /superblock|map/.exec(message)?.[0] ?? message;
}

function viewOf(engineCase: EngineCase, images: readonly SparseImage[]): JournalView | Refusal {
  try {
    return readJournal(mediumOf(engineCase, images, keyOf(engineCase)));
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** As the engine puts it. */
function noteOf({ log: { batches, end, why } }: JournalView): string {
  const kind = why.rule === 'R4' ? 'torn' : 'clean';
  const found = `${batches.length} batches, end ${kind} (${why.rule}) before page ${end.pageSeq}`;
  return why.isRebuilt ? `${found}; the superblock was rebuilt` : found;
}

async function expectSameVolume(journal: Journal, { volume }: JournalView): Promise<void> {
  const target = new Uint8Array(4096);
  for (let block = 0; block < journal.blockCount; block++) {
    const expected = volume(block);
    if (expected === 'refused') {
      await expect(journal.read(block, target)).rejects.toMatchObject({ reason: 'corrupt' });
      continue;
    }
    await journal.read(block, target);
    if (Buffer.compare(target, expected) !== 0) throw new Error(`block ${block} differs`);
  }
}

async function expectSameRecords(journal: Journal, { appended }: JournalView): Promise<void> {
  const served: string[] = [];
  for await (const record of journal.replay()) served.push(lineOf(record, record.payload));
  expect(served).toEqual(appended.map((record) => lineOf(record, record.payload.bytes)));
}

type RecordHead = Pick<LogRecord, 'lsn' | 'type' | 'tenant' | 'vshard'>;

function lineOf({ lsn, type, tenant, vshard }: RecordHead, payload: Uint8Array): string {
  return `${lsn} ${type} ${tenant} ${vshard} ${Buffer.from(payload).toString('hex')}`;
}

/** What recovery found stands in the superblock that it wrote. */
function expectClaimOf({ log, watermarks }: JournalView, claim: Superblock): void {
  expect(claim).toMatchObject({
    isClean: false,
    durableLsn: log.end.lsn - 1,
    claimedEnd: log.end.pageSeq,
    lsnFloor: log.lsnFloor,
    epoch: log.superblock.epochs.at(-1)!.last + 1,
  });
  expect(claim.epochs.at(-1)).toMatchObject({ pageSeq: log.end.pageSeq, lsn: log.lsnFloor });
  expect(new Map(claim.consumers.map((one) => [one.name, one.watermark]))).toEqual(watermarks);
}
