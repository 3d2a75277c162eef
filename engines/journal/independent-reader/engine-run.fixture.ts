import {
  EngineRefusal,
  type DeviceGeometry,
  type Platform,
  type Random,
} from '../../../harness/contract/index.ts';
import { History } from '../../../harness/drive/history.ts';
import { createImage, type SparseImage } from '../../../harness/drive/image.ts';
import { SimDrive } from '../../../harness/drive/sim-drive.ts';
import { Timeline } from '../../../harness/drive/timeline.ts';
import {
  formatJournal,
  openJournal,
  type Journal,
  type JournalDevices,
  type JournalOptions,
  type Transaction,
} from '../index.ts';
import { platformOn } from '../twin.fixture.ts';
import type { Medium } from './medium.fixture.ts';

/** Images that the engine makes, for the reader to read: random histories on simulated drives. */
export interface EngineCase {
  readonly name: string;
  readonly options: JournalOptions;
  readonly geometry: DeviceGeometry;
  /** Of a data device; undefined where there is one for everything. */
  readonly dataGeometry?: DeviceGeometry;
}

export interface EngineSite {
  readonly devices: JournalDevices;
  readonly platform: Platform;
  readonly timeline: Timeline;
  readonly history: History;
}

export function geometriesOf({ geometry, dataGeometry }: EngineCase): readonly DeviceGeometry[] {
  return dataGeometry === undefined ? [geometry] : [geometry, dataGeometry];
}

/** Drives over the images, which change with what is written. */
export function siteOn(
  engineCase: EngineCase,
  images: readonly SparseImage[],
  random: Random,
): EngineSite {
  const timeline = new Timeline();
  const history = new History(timeline);
  const [journal, data] = geometriesOf(engineCase).map(
    (geometry, device) =>
      new SimDrive({
        name: `drive ${device}`,
        device,
        timeline,
        geometry,
        image: images[device]!,
        random: random.fork(`drive-${device}`),
        history,
      }),
  );
  const devices = data === undefined ? { journal: journal! } : { journal: journal!, data };
  return { devices, platform: platformOn(timeline, random), timeline, history };
}

export async function formattedImages(
  engineCase: EngineCase,
  random: Random,
): Promise<readonly SparseImage[]> {
  const images = geometriesOf(engineCase).map((geometry, device) =>
    createImage(geometry, random.uint32() + device),
  );
  const { devices, platform } = siteOn(engineCase, images, random);
  await formatJournal(devices, engineCase.options, platform);
  return images;
}

export function mediumOf(
  engineCase: EngineCase,
  images: readonly SparseImage[],
  keyOf?: Medium['keyOf'],
): Medium {
  const [journal, data] = images.map((image, device) => {
    const { logicalBlockBytes, capacityBlocks } = geometriesOf(engineCase)[device]!;
    const read = (at: number, byteCount: number): Uint8Array => {
      const bytes = new Uint8Array(byteCount);
      image.read(at, bytes);
      return bytes;
    };
    return { byteCount: logicalBlockBytes * capacityBlocks, logicalBlockBytes, read };
  });
  return { journal: journal!, data, keyOf };
}

/** Writers that change, append, release, consume and pause at random. */
export async function runAtRandom(
  engineCase: EngineCase,
  site: EngineSite,
  random: Random,
  operationCount: number,
): Promise<void> {
  const journal = await openJournal(site.devices, engineCase.options, site.platform);
  const load = new Load(journal, engineCase, site, random);
  await load.learn();
  await Promise.all(Array.from({ length: 4 }, () => load.run(operationCount / 4)));
  if (random.chance(1, 3)) await journal.close();
  else await journal[Symbol.asyncDispose]();
}

class Load {
  readonly #journal: Journal;
  readonly #mode: JournalOptions['mode'];
  readonly #site: EngineSite;
  readonly #random: Random;
  readonly #appended: number[] = [];
  #consumer: ReturnType<Journal['subscribe']> | undefined;

  constructor(journal: Journal, engineCase: EngineCase, site: EngineSite, random: Random) {
    this.#journal = journal;
    this.#mode = engineCase.options.mode;
    this.#site = site;
    this.#random = random;
  }

  /** Records of earlier epochs, so that they are released some day. */
  async learn(): Promise<void> {
    for await (const { lsn } of this.#journal.replay()) this.#appended.push(lsn);
  }

  async run(operationCount: number): Promise<void> {
    for (let count = 0; count < operationCount; count++) {
      try {
        await this.#operate(this.#random.below(100));
      } catch (error) {
        // A small ring is full now and then, and a consumer has left: what was refused is not in the log.
        const isRefused = error instanceof EngineRefusal || error instanceof RangeError;
        if (!isRefused) throw error;
      }
    }
  }

  async #operate(draw: number): Promise<void> {
    if (draw < 45) await this.#write();
    else if (draw < 60) await this.#transaction();
    else if (draw < 75) this.#appended.push(await this.#append());
    else if (draw < 85) this.#release();
    else if (draw < 93) await this.#consume();
    else if (draw < 97) await this.#pause();
    else await this.#journal.flush();
  }

  async #write(): Promise<void> {
    const count = 1 + (this.#random.chance(1, 6) ? this.#random.below(6) : 0);
    const block = this.#random.below(this.#journal.blockCount - count);
    await this.#journal.write(block, this.#bytes(4096 * count));
  }

  async #transaction(): Promise<void> {
    if (this.#mode === 'none') return;
    if (this.#mode === 'undo-redo' && this.#random.chance(2, 3)) return this.#openTransaction();
    const changes = Array.from({ length: 1 + this.#random.below(5) }, () => this.#change());
    await this.#journal.transaction(changes);
  }

  /** Left open now and then: the close rolls it back, or the next recovery does. */
  async #openTransaction(): Promise<void> {
    const transaction: Transaction = this.#journal.begin();
    for (let count = 0; count <= this.#random.below(3); count++) {
      const { block, data } = this.#change();
      await transaction.write(block, data);
    }
    const draw = this.#random.below(10);
    if (draw < 6) await transaction.commit();
    else if (draw < 8) await transaction.abort();
  }

  #change(): { readonly block: number; readonly data: Uint8Array } {
    return { block: this.#random.below(this.#journal.blockCount), data: this.#bytes(4096) };
  }

  #append(): Promise<number> {
    const below = (bound: number): number => this.#random.below(bound);
    const bytes = this.#bytes(below(5) === 0 ? below(5000) : below(90));
    return this.#journal.append(below(2) === 0 ? 0x8001 : 0x64, below(9), below(9), bytes);
  }

  #release(): void {
    const lsn = this.#appended[this.#random.below(this.#appended.length + 1)];
    if (lsn !== undefined) this.#journal.release(lsn);
  }

  /** Takes one record, if there is one, and commits it, alone or with an effect. */
  async #consume(): Promise<void> {
    if (this.#appended.length === 0) return;
    if (this.#random.chance(1, 12) && this.#consumer !== undefined) {
      this.#consumer = undefined;
      return this.#journal.unsubscribe('reader');
    }
    this.#consumer ??= this.#journal.subscribe({ consumer: 'reader' });
    const consumer = this.#consumer;
    const record = await Promise.race([consumer.next(), this.#pause()]);
    if (record?.value === undefined) return;
    const upTo = record.value.lsn;
    const takesMarks = this.#mode !== 'writeback' && this.#mode !== 'none';
    if (takesMarks && this.#random.chance(1, 2)) {
      await this.#journal.transaction([this.#change()], { consumer: 'reader', upTo });
    } else await consumer.commit(upTo);
  }

  /** Long enough for the idle watermark. */
  #pause(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#site.timeline.after(2_000_000, () => {
        resolve(undefined);
      });
    });
  }

  /** A random word, over and over, with a random head: quick, and no two alike. */
  #bytes(byteCount: number): Uint8Array {
    const bytes = new Uint8Array(byteCount).fill(this.#random.below(256));
    this.#random.fill(bytes.subarray(0, 16));
    return bytes;
  }
}

/** The key that `insecureTestKey` stands for; config.ts says that it follows from the number. */
export function testKey(first: number): () => Uint8Array {
  return () => Uint8Array.from({ length: 32 }, (_, index) => first + index);
}
