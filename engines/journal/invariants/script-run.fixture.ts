import { crc32c } from '@node-rs/crc32';
import { createRandom } from '../../../harness/contract/index.ts';
import type { History } from '../../../harness/drive/history.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import type { Keyring } from '../crypto/journal-keys.ts';
import type { Journal } from '../journal.ts';
import { blockOf, type Twin } from '../twin.fixture.ts';
import { formatted, openOn, openTwin, type Opened } from './journals.fixture.ts';
import { recordText, type Contents, type ModelRun, type Operation } from './model.fixture.ts';
import type { Step } from './scripts.fixture.ts';
import type { Setup } from './setups.fixture.ts';

export interface ScriptRun extends ModelRun {
  readonly setup: Setup;
  readonly history: History;
  readonly openedAt: number;
  readonly twin: Twin;
  /** The journal as the script left it. */
  readonly journal: Journal;
}

export interface ScriptOptions {
  readonly setup: Setup;
  /** The image is changed: a fork of what is to be kept. */
  readonly image: SparseImage;
  readonly initial: Contents;
  readonly steps: readonly Step[];
  readonly seed: number | string;
  readonly firstVersion?: number;
  readonly keyring?: Keyring;
  /** What a block is made to hold; blockOf unless given. */
  dataOf?(block: number, version: number): Uint8Array;
  payloadOf?(version: number, byteCount: number): Uint8Array;
  /** Called when the journal is open, before the first step. */
  onOpened?(twin: Twin): void;
}

/** Opens the journal, does what the script says, and waits until all of it has settled. */
export async function runScript(options: ScriptOptions): Promise<ScriptRun> {
  const { setup, image, seed, keyring } = options;
  const opened = await openOn(image, setup, seed, keyring);
  options.onOpened?.(opened.twin);
  const runner = new ScriptRunner(options, opened);
  for (const step of options.steps) await runner.take(step);
  await runner.settle();
  return runner.run;
}

/** A new journal and a run on it. */
export async function runOnNew(
  options: Omit<ScriptOptions, 'image' | 'initial'>,
): Promise<ScriptRun> {
  const { image, initial } = await formatted(options.setup);
  return runScript({ ...options, image: image.fork(), initial });
}

/** What is on its way at most: more would only wait in the queue. */
const outstandingMax = 6;

class ScriptRunner {
  readonly #options: ScriptOptions;
  readonly #twin: Twin;
  readonly #history: History;
  readonly #openedAt: number;
  readonly #operations: Operation[] = [];
  readonly #releases: { readonly lsn: number; readonly at: number }[] = [];
  readonly #outstanding = new Set<Promise<void>>();
  #journal: Journal;
  #position = 0;
  #version: number;

  constructor(options: ScriptOptions, { twin, journal, history, openedAt }: Opened) {
    this.#options = options;
    this.#twin = twin;
    this.#journal = journal;
    this.#history = history;
    this.#openedAt = openedAt;
    this.#version = options.firstVersion ?? 1;
  }

  get run(): ScriptRun {
    const { setup, initial } = this.#options;
    return {
      setup,
      initial,
      history: this.#history,
      openedAt: this.#openedAt,
      twin: this.#twin,
      journal: this.#journal,
      operations: this.#operations,
      releases: this.#releases,
    };
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'write':
        return this.#write(step.block, step.count);
      case 'transaction':
        return this.#transact(step.blocks);
      case 'append':
        return this.#append(step.byteCount);
      case 'release':
        this.#release();
        return;
      case 'settle':
        return this.settle();
      case 'flush':
        return this.#journal.flush().catch(() => undefined);
      case 'pause':
        return this.#pause(step.ns);
      case 'reopen':
        return this.#reopen();
      case 'interactive':
        return this.#interact(step.blocks, step.end);
    }
  }

  async settle(): Promise<void> {
    while (this.#outstanding.size > 0) await Promise.race(this.#outstanding);
  }

  async #write(first: number, count: number): Promise<void> {
    const version = this.#version++;
    const blocks = Array.from({ length: count }, (_, index) => first + index);
    const data = blocks.map((block) => this.#dataOf(block, version));
    const bytes = Buffer.concat(data);
    await this.#submit(version, crcsOf(blocks, data), undefined, () =>
      this.#journal.write(first, bytes),
    );
  }

  async #transact(blocks: readonly number[]): Promise<void> {
    const version = this.#version++;
    const data = blocks.map((block) => this.#dataOf(block, version));
    const changes = blocks.map((block, index) => ({ block, data: data[index]! }));
    await this.#submit(version, crcsOf(blocks, data), undefined, () =>
      this.#journal.transaction(changes),
    );
  }

  async #append(byteCount: number): Promise<void> {
    const version = this.#version++;
    const payload = this.#options.payloadOf?.(version, byteCount) ?? payloadFor(version, byteCount);
    const [type, vshard] = [0x8000 + (version % 64), version % 7];
    await this.#submit(version, new Map(), recordText(type, version, vshard, payload), () =>
      this.#journal.append(type, version, vshard, payload),
    );
  }

  /** Submits, and waits only where too much is on its way already. */
  async #submit(
    version: number,
    blocks: ReadonlyMap<number, number>,
    appended: string | undefined,
    submit: () => Promise<number>,
  ): Promise<void> {
    const operation: Operation = {
      version,
      blocks,
      appended,
      invokedAt: this.#mark(),
      ackedAt: Infinity,
      lsn: undefined,
      isRefused: false,
    };
    this.#operations.push(operation);
    const settled = submit().then(
      (lsn) => {
        operation.lsn = lsn;
        operation.ackedAt = this.#mark();
      },
      (error: unknown) => {
        operation.isRefused = (error as Error).name !== 'OutcomeUnknown';
      },
    );
    const done = settled.then(() => void this.#outstanding.delete(done));
    this.#outstanding.add(done);
    if (this.#outstanding.size >= outstandingMax) await Promise.race(this.#outstanding);
  }

  #release(): void {
    const lsns = this.#operations.flatMap(({ appended, lsn }) => (appended && lsn ? [lsn] : []));
    const lsn = lsns.at(-2);
    if (lsn === undefined) return;
    this.#releases.push({ lsn, at: this.#mark() });
    this.#journal.release(lsn);
  }

  async #reopen(): Promise<void> {
    await this.settle();
    try {
      await this.#journal.close();
      this.#journal = await openTwin(
        this.#twin,
        this.#options.setup,
        this.#twin.platform,
        this.#options.keyring,
      );
    } catch (error) {
      // A journal that has stopped by a fault of the drive stays as it is.
      if ((error as { reason?: string }).reason !== 'device-error') throw error;
    }
  }

  /** Nothing else is on its way, so that its place in the order of all is that of its end. */
  async #interact(blocks: readonly number[], end: 'commit' | 'abort' | 'left open'): Promise<void> {
    if (this.#options.setup.options.mode !== 'undo-redo') return;
    await this.settle();
    const version = this.#version++;
    const data = blocks.map((block) => this.#dataOf(block, version));
    try {
      const transaction = this.#journal.begin();
      for (const [index, block] of blocks.entries()) await transaction.write(block, data[index]!);
      if (end === 'abort') await transaction.abort();
      if (end !== 'commit') return;
      await this.#submit(version, crcsOf(blocks, data), undefined, () => transaction.commit());
      await this.settle();
    } catch (error) {
      if (!['EngineRefusal', 'BlockHeld'].includes((error as Error).name)) throw error;
    }
  }

  #pause(ns: number): Promise<void> {
    return new Promise((resolve) => {
      this.#twin.timeline.after(ns, resolve);
    });
  }

  #dataOf(block: number, version: number): Uint8Array {
    return this.#options.dataOf?.(block, version) ?? blockOf(block, version);
  }

  #mark(): number {
    this.#position += 1;
    this.#history.mark(this.#position);
    return this.#position;
  }
}

function crcsOf(
  blocks: readonly number[],
  data: readonly Uint8Array[],
): ReadonlyMap<number, number> {
  return new Map(blocks.map((block, index) => [block, crc32c(data[index]!)]));
}

function payloadFor(version: number, byteCount: number): Uint8Array {
  const payload = new Uint8Array(byteCount);
  createRandom(version).fill(payload);
  return payload;
}
