import { expect, test } from 'vitest';
import {
  createRandom,
  EngineRefusal,
  type DeviceGeometry,
  type Random,
} from '../../../harness/contract/index.ts';
import { planCrashStates } from '../../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../../harness/drive/crash-windows.ts';
import { History } from '../../../harness/drive/history.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { createMaterialiser } from '../../../harness/drive/materialise.ts';
import type { JournalOptions } from '../config.ts';
import type { Journal } from '../journal.ts';
import { driveGeometry, formattedTwin, open, smallOptions, twinOn } from '../twin.fixture.ts';

/**
 * Goal: as a log alone, the journal replays every acknowledged record that was not released, in order,
 * byte for byte, none twice, in whatever crash state a drive may legally leave, over several epochs.
 * Method: random appends and releases on the twin, with opens in between, cut everywhere, compared
 * with the list of what was appended; then the same again from some of the states. Seeds are fixed.
 */
const tiny = { ringPages: 32, segmentPages: 8, batchPagesMax: 4, windowPages: 8, dataBlocks: 8 };

const cases: readonly {
  readonly name: string;
  readonly change: Partial<DeviceGeometry>;
  readonly options: JournalOptions;
}[] = [
  { name: 'FUA', change: {}, options: { ...smallOptions, durability: 'fua' } },
  {
    name: 'flush, 512-byte LBA, tiny ring',
    change: { supportsFua: false, logicalBlockBytes: 512 },
    options: tiny,
  },
  {
    name: 'no cache, 512-byte LBA, pages of 16 KiB',
    change: { writeCache: 'none', logicalBlockBytes: 512 },
    options: { ...tiny, pageBytes: 16384 },
  },
  { name: 'undo-redo, FUA', change: {}, options: { ...tiny, mode: 'undo-redo' } },
];

interface Step {
  /** Records from the first on that are appended, or released, when it has been done. */
  count: number;
  readonly invokedAt: number;
  ackedAt: number;
}

interface LogRun {
  readonly history: History;
  readonly numbers: readonly number[];
  readonly appends: readonly Step[];
  readonly releases: readonly Step[];
}

interface LogState {
  readonly numbers: readonly number[];
  /** How many of them are certainly released. */
  readonly releasedCount: number;
}

/** The same bytes for the same number, every time. */
function payloadOf(number: number): Uint8Array {
  const random = createRandom(number);
  const size = random.below(random.chance(1, 5) ? 7000 : 120);
  const payload = new Uint8Array(4 + size);
  random.fill(payload);
  new DataView(payload.buffer).setUint32(0, number, true);
  return payload;
}

class LogDriver {
  readonly numbers: number[];
  readonly appends: Step[];
  readonly releases: Step[];
  readonly #lsns = new Map<number, number>();
  readonly #mark: () => number;
  #nextNumber: number;
  #releasedCount: number;

  constructor(before: LogState, firstNumber: number, mark: () => number) {
    this.numbers = [...before.numbers];
    this.#releasedCount = before.releasedCount;
    this.appends = [{ count: before.numbers.length, invokedAt: 0, ackedAt: 0 }];
    this.releases = [{ count: before.releasedCount, invokedAt: 0, ackedAt: 0 }];
    this.#nextNumber = firstNumber;
    this.#mark = mark;
  }

  /** LSNs of what an earlier open has left. */
  async learn(journal: Journal): Promise<void> {
    for await (const { lsn, payload } of journal.replay()) {
      this.#lsns.set(new DataView(payload.buffer).getUint32(0, true), lsn);
    }
  }

  async append(journal: Journal): Promise<void> {
    const number = this.#nextNumber++;
    const step = { count: this.numbers.length + 1, invokedAt: this.#mark(), ackedAt: Infinity };
    this.numbers.push(number);
    this.appends.push(step);
    try {
      this.#lsns.set(number, await journal.append(0x8001, 3, 4, payloadOf(number)));
      step.ackedAt = this.#mark();
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.reason !== 'full') throw error;
      this.numbers.splice(this.numbers.indexOf(number), 1);
      const at = this.appends.indexOf(step);
      this.appends.splice(at, 1);
      for (const later of this.appends.slice(at)) later.count -= 1;
      this.release(journal, this.#lsns.size);
    }
  }

  /** The oldest of those that are acknowledged. */
  release(journal: Journal, most: number): void {
    for (let left = most; left > 0; left--) {
      const lsn = this.#lsns.get(this.numbers[this.#releasedCount] ?? -1);
      if (lsn === undefined) return;
      this.#releasedCount += 1;
      this.releases.push({
        count: this.#releasedCount,
        invokedAt: this.#mark(),
        ackedAt: Infinity,
      });
      journal.release(lsn);
    }
  }
}

interface LogRunOptions {
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly random: Random;
  readonly opens: number;
  readonly appendsPerOpen: number;
  readonly firstNumber: number;
  readonly before: LogState;
}

async function runAndRecord(run: LogRunOptions): Promise<LogRun> {
  let history: History | undefined;
  const twin = twinOn(run.image, run.geometry, run.random.fork('twin'), (timeline) => {
    history = new History(timeline);
    return history;
  });
  let position = 0;
  const driver = new LogDriver(run.before, run.firstNumber, () => {
    position += 1;
    history!.mark(position);
    return position;
  });
  const draws = run.random.fork('appends');
  for (let left = run.opens; left > 0; left--) {
    const journal = await open(twin, run.options);
    await driver.learn(journal);
    let appended = 0;
    const writer = async (): Promise<void> => {
      while (appended < run.appendsPerOpen) {
        appended += 1;
        await driver.append(journal);
        if (draws.chance(1, 3)) driver.release(journal, draws.below(4));
      }
    };
    await Promise.all([writer(), writer(), writer()]);
    // Some end cleanly; the others leave everything to the next recovery.
    if (draws.chance(1, 2)) await journal.close();
    else await journal[Symbol.asyncDispose]();
  }
  const { numbers, appends, releases } = driver;
  return { history: history!, numbers, appends, releases };
}

async function replayed(journal: Journal): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  let before = 0;
  for await (const { lsn, type, tenant, vshard, payload } of journal.replay()) {
    expect(lsn).toBeGreaterThan(before);
    expect([type, tenant, vshard]).toEqual([0x8001, 3, 4]);
    before = lsn;
    payloads.push(payload);
  }
  return payloads;
}

/** What is wrong with the records that a recovery served, and what it leaves for the next run. */
function judge(
  { numbers, appends, releases }: LogRun,
  payloads: readonly Uint8Array[],
  { first, last }: { readonly first: number; readonly last: number },
): { readonly problem: string | undefined; readonly state: LogState } {
  const found = payloads.map((payload) => new DataView(payload.buffer).getUint32(0, true));
  const highest = (steps: readonly Step[], counts: (step: Step) => boolean): number =>
    steps.filter(counts).reduce((most, { count }) => Math.max(most, count), 0);
  const acked = highest(appends, ({ ackedAt }) => ackedAt <= last);
  const invoked = highest(appends, ({ invokedAt }) => invokedAt <= first);
  const released = highest(releases, ({ invokedAt }) => invokedAt <= first);
  const from = found.length === 0 ? -1 : numbers.indexOf(found[0]!);
  const end =
    found.length === 0 ? Math.max(acked, Math.min(released, invoked)) : from + found.length;
  const problems = [
    found.length > 0 && from === -1 && `record ${found[0]} was never appended`,
    found.some((number, index) => number !== numbers[from + index]) && 'records are not in order',
    payloads.some((payload, index) => !Buffer.from(payload).equals(payloadOf(found[index]!))) &&
      'a record is not as it was appended',
    (found.length === 0 ? released < acked : from > released) &&
      'a record that is wanted is missing',
    (end < acked || end > invoked) && `${end} records, of ${acked} acknowledged`,
  ];
  const problem = problems.find((one): one is string => typeof one === 'string');
  const releasedCount = found.length === 0 ? end : from;
  return { problem, state: { numbers: numbers.slice(0, end), releasedCount } };
}

async function* recoverAll(
  run: LogRun,
  statesMax: number,
  random: Random,
  { geometry, options }: Pick<LogRunOptions, 'geometry' | 'options'>,
): AsyncGenerator<{
  readonly index: number;
  readonly problem: string | undefined;
  readonly state: LogState;
  readonly image: SparseImage;
}> {
  const plan = planCrashStates(run.history, { statesMax, random });
  const materialiser = createMaterialiser(plan);
  for (const crash of plan.states) {
    const image = materialiser.images(crash)[0]!;
    const twin = twinOn(image.fork(), geometry, createRandom(crash.digest));
    const payloads = await replayed(await open(twin, options));
    const verdicts = ledgerWindowsOf(run.history, crash).map(({ window }) =>
      judge(run, payloads, window),
    );
    const problem = verdicts.find((verdict) => verdict.problem !== undefined)?.problem;
    yield { index: crash.index, problem, state: verdicts[0]!.state, image };
  }
}

test.each(cases)(
  'every acknowledged record that was not released is replayed, in order, once: $name (I1, I2, @req C3, C8, C10)',
  async ({ name, change, options }) => {
    const geometry = driveGeometry(change);
    const random = createRandom(21).fork(name);
    const base = await formattedTwin(geometry, options);
    const run = await runAndRecord({
      image: base.drive.image.fork(),
      geometry,
      options,
      random,
      opens: 3,
      appendsPerOpen: 70,
      firstNumber: 1,
      before: { numbers: [], releasedCount: 0 },
    });
    expect(run.releases.length).toBeGreaterThan(30);
    let count = 0;
    for await (const crash of recoverAll(run, 350, random.fork('plan'), { geometry, options })) {
      count += 1;
      expect(crash.problem, `state ${crash.index}`).toBeUndefined();
      if (crash.index % 50 !== 25) continue;
      const second = await runAndRecord({
        image: crash.image.fork(),
        geometry,
        options,
        random: random.fork(`second-${crash.index}`),
        opens: 2,
        appendsPerOpen: 12,
        firstNumber: 10_000,
        before: crash.state,
      });
      const nested = random.fork(`nested-${crash.index}`);
      for await (const after of recoverAll(second, 50, nested, { geometry, options })) {
        expect(after.problem, `state ${crash.index}, then ${after.index}`).toBeUndefined();
      }
    }
    expect(count).toBeGreaterThan(200);
  },
);
