import type { Platform } from '../../../harness/contract/index.ts';
import { createRandom, type DeviceGeometry } from '../../../harness/contract/index.ts';
import { createImage } from '../../../harness/drive/image.ts';
import { formatJournal, openJournal, type Journal, type JournalOptions } from '../index.ts';
import { driveGeometry } from '../twin.fixture.ts';
import { mediumOf, siteOn, type EngineCase } from './engine-run.fixture.ts';
import type { Medium } from './medium.fixture.ts';
import { readJournal, type JournalView } from './read-journal.fixture.ts';
import { types, type LogRecord } from './record.fixture.ts';

/** The examples of README.md as the engine writes them, by their names there. */
export async function engineExamples(): Promise<ReadonlyMap<string, Uint8Array>> {
  return new Map([...(await ofJournal()), ...(await ofUndoRedo()), ...(await ofOrdered())]);
}

const options: JournalOptions = {
  ringPages: 16,
  segmentPages: 4,
  batchPagesMax: 2,
  windowPages: 4,
  dataBlocks: 8,
  durability: 'flush',
  idleWatermark: false,
};

const stamped = driveGeometry({ logicalBlockBytes: 512, capacityBlocks: 8192, supportsFua: false });
const block = new Uint8Array(4096).fill(0x5a);

async function ofJournal(): Promise<[string, Uint8Array][]> {
  const { medium, view } = await made({ mode: 'journal' }, async (journal) => {
    await journal.append(0x8001, 7, 3, Buffer.from('hello nodedb'));
    await journal.write(1, block);
    await journal.transaction([{ block: 2, data: block }]);
    await journal.subscribe({ consumer: 'index' }).next();
    await journal[Symbol.asyncDispose]();
  });
  const records = recordsOf(view);
  return [
    ['Superblock', medium.journal.read(2 ** 17, 4096)],
    ['Page', view.log.batches[0]!.pages[0]!.bytes],
    ['EpochStart', records(types.epochStart)],
    ['SegHdr', records(types.segHdr)],
    ['Append', records(0x8001)],
    ['BlockWrite', records(types.blockWrite)],
    ['TxnBegin', records(types.txnBegin)],
    ['TxnBlock', records(types.txnBlock)],
    ['TxnCommit', records(types.txnCommit)],
    ['ConsumerMark', records(types.consumerMark)],
  ];
}

async function ofUndoRedo(): Promise<[string, Uint8Array][]> {
  const { view } = await made({ mode: 'undo-redo' }, async (journal) => {
    await journal.write(3, block);
    const transaction = journal.begin();
    await transaction.write(3, new Uint8Array(4096));
    await transaction.abort();
    await journal[Symbol.asyncDispose]();
  });
  const undo = view.log.records.findLast(({ type }) => type === types.undo)!;
  const records = recordsOf(view);
  return [
    ['Undo', undo.bytes],
    ['Clr', records(types.clr)],
    ['TxnAbort', records(types.txnAbort)],
  ];
}

async function ofOrdered(): Promise<[string, Uint8Array][]> {
  const apart = { mode: 'ordered', encryption: { insecureTestKey: 0 } } as const;
  let update: Uint8Array | undefined;
  const { medium, view } = await made(apart, async (journal, open) => {
    await journal.write(3, block);
    update = recordsOf(open())(types.mapUpdate);
    await journal.close();
  });
  const { extents, keyId } = view.log.superblock;
  return [
    ['MapUpdate', update!],
    ['Map page', medium.data!.read(extents.map.at, 4096)],
    ['Free places', medium.data!.read(extents.map.at + 4096, 4096)],
    ['Generation', medium.journal.read(extents.doubleWrite.at + 129 * 4096, 4096)],
    ['Data label', medium.data!.read(0, 4096)],
    ['Key id', keyId],
  ];
}

function recordsOf({ log }: JournalView): (type: number) => Uint8Array {
  return (type) => log.records.find((record: LogRecord) => record.type === type)!.bytes;
}

interface Made {
  readonly medium: Medium;
  readonly view: JournalView;
}

/** A journal whose random bytes are 0, 1, 2 and so on, after `use` has had it. */
async function made(
  change: Pick<JournalOptions, 'mode' | 'encryption'>,
  use: (journal: Journal, look: () => JournalView) => Promise<void>,
): Promise<Made> {
  const isApart = change.encryption !== undefined;
  const engineCase: EngineCase = {
    name: 'examples',
    options: { ...options, ...change },
    geometry: stamped,
    ...(isApart && { dataGeometry: stamped }),
  };
  const geometries: DeviceGeometry[] = isApart ? [stamped, stamped] : [stamped];
  const images = geometries.map((geometry) => createImage(geometry, 1));
  const { devices, platform } = siteOn(engineCase, images, createRandom(1));
  const counting = { ...platform, entropy: countingEntropy() };
  await formatJournal(devices, engineCase.options, counting);
  const journal = await openJournal(devices, engineCase.options, counting);
  const keyOf = isApart ? () => Uint8Array.from({ length: 32 }, (_, index) => index) : undefined;
  const medium = mediumOf(engineCase, images, keyOf);
  await use(journal, () => readJournal(medium));
  return { medium, view: readJournal(medium) };
}

function countingEntropy(): Platform['entropy'] {
  let next = 0;
  return (target) => {
    for (let at = 0; at < target.length; at++) target[at] = next++ % 256;
  };
}

/** Hexadecimal in lines of 32 bytes; `00*60` stands for a byte that comes so many times. */
export function notationOf(bytes: Uint8Array): string {
  const words: string[] = [];
  let plain = '';
  for (let at = 0; at < bytes.length;) {
    let end = at;
    while (end < bytes.length && bytes[end] === bytes[at]) end++;
    const isRun = end - at > 8;
    if (isRun || plain.length === 64) words.push(plain);
    if (isRun || plain.length === 64) plain = '';
    const byte = bytes[at]!.toString(16).padStart(2, '0');
    if (isRun) words.push(`${byte}*${end - at}`);
    else plain += byte;
    at = isRun ? end : at + 1;
  }
  words.push(plain);
  return `${words.filter((word) => word !== '').join('\n')}\n`;
}

/** The examples of a document: a name in bold, and the next block of hexadecimal behind it. */
export function examplesIn(document: string): ReadonlyMap<string, Uint8Array> {
  const pattern = /\*\*([^*]+)\.\*\*[^*]*?```hex\n([^`]*)```/g;
  return new Map([...document.matchAll(pattern)].map(([, name, text]) => [name!, bytesOf(text!)]));
}

function bytesOf(text: string): Uint8Array {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const parts = words.map((word) => {
    const [byte, count] = word.split('*');
    return count === undefined
      ? Buffer.from(word, 'hex')
      : Buffer.alloc(Number(count), Number.parseInt(byte!, 16));
  });
  return new Uint8Array(Buffer.concat(parts));
}
