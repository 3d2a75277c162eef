import {
  createRandom,
  EngineRefusal,
  type DeviceGeometry,
  type Random,
} from '../../../harness/contract/index.ts';
import type { CrashPlan } from '../../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../../harness/drive/crash-windows.ts';
import { History } from '../../../harness/drive/history.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { createMaterialiser } from '../../../harness/drive/materialise.ts';
import type { JournalOptions } from '../config.ts';
import type { Journal } from '../journal.ts';
import { open, twinOn, type Twin } from '../twin.fixture.ts';
import type { AppendedRecord } from '../volume/appended-records.ts';
import type { Subscription } from './subscription.ts';

/**
 * Appends records with a number each and has two consumers read them, crashes, and compares with a
 * model. `exact` applies each record to the volume: one block holds how many it has applied and a chain over
 * their numbers, changed in one transaction with the mark. `separate` commits its watermark by itself,
 * every now and then. Appends take effect in the order of submission.
 */
export interface ConsumerRun {
  readonly history: History;
  /** Numbers in the order of the log, those from before the run first. */
  readonly numbers: readonly number[];
  readonly appends: readonly Step[];
  /** How many records each consumer was done with, by the step that said so. */
  readonly applied: readonly Step[];
  readonly committed: readonly Step[];
}

/** `count`: of records from the first on, once the step is durable. */
interface Step {
  count: number;
  readonly invokedAt: number;
  ackedAt: number;
}

export interface ConsumerRunOptions {
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly options: JournalOptions;
  readonly random: Random;
  readonly appendCount: number;
  readonly firstNumber: number;
  /** What the log and the consumers hold before the run. */
  readonly before: ConsumerState;
}

export interface ConsumerState {
  readonly numbers: readonly number[];
  readonly appliedCount: number;
  readonly committedCount: number;
}

export const nothingYet: ConsumerState = { numbers: [], appliedCount: 0, committedCount: 0 };

/** Both consumers are known before anything is recorded. */
export async function joinBoth(twin: Twin, options: JournalOptions): Promise<SparseImage> {
  const journal = await open(twin, options);
  await journal.subscribe({ consumer: 'exact' }).commit(0);
  await journal.subscribe({ consumer: 'separate' }).commit(0);
  await journal.transaction([{ block: 0, data: appliedBlock([]) }]);
  await journal.close();
  return twin.drive.image;
}

export async function runAndRecord(run: ConsumerRunOptions): Promise<ConsumerRun> {
  let history: History | undefined;
  const twin = twinOn(run.image, run.geometry, run.random.fork('twin'), (timeline) => {
    history = new History(timeline);
    return history;
  });
  const journal = await open(twin, run.options);
  const driver = new Driver(run, journal, twin, history!);
  await driver.run();
  const { numbers, appends, applied, committed } = driver;
  return { history: history!, numbers, appends, applied, committed };
}

class Driver {
  readonly numbers: number[];
  readonly appends: Step[];
  readonly applied: Step[];
  readonly committed: Step[];
  readonly #run: ConsumerRunOptions;
  readonly #journal: Journal;
  readonly #twin: Twin;
  readonly #history: History;
  #position = 0;
  #tried = 0;
  /** What `exact` waits for. */
  #pending: Promise<IteratorResult<AppendedRecord, void>> | undefined;

  constructor(run: ConsumerRunOptions, journal: Journal, twin: Twin, history: History) {
    const { numbers, appliedCount, committedCount } = run.before;
    this.numbers = [...numbers];
    this.appends = [{ count: numbers.length, invokedAt: 0, ackedAt: 0 }];
    this.applied = [{ count: appliedCount, invokedAt: 0, ackedAt: 0 }];
    this.committed = [{ count: committedCount, invokedAt: 0, ackedAt: 0 }];
    this.#run = run;
    this.#journal = journal;
    this.#twin = twin;
    this.#history = history;
  }

  async run(): Promise<void> {
    const { random, appendCount } = this.#run;
    const writer = async (draws: Random): Promise<void> => {
      while (this.#tried < appendCount) await this.#append(draws);
    };
    const writers = [0, 1, 2].map((index) => writer(random.fork(`writer-${index}`)));
    const consumers = [
      this.#applyEach(random.fork('exact')),
      this.#commitSome(random.fork('separate')),
    ];
    await Promise.all(writers);
    await this.#pause(20_000_000);
    await this.#journal[Symbol.asyncDispose]();
    await Promise.allSettled(consumers);
  }

  async #append(draws: Random): Promise<void> {
    const number = this.#run.firstNumber + this.#tried;
    this.#tried += 1;
    const payload = new Uint8Array(4 + draws.below(draws.chance(1, 4) ? 3000 : 60));
    new DataView(payload.buffer).setUint32(0, number, true);
    const step = { count: this.numbers.length + 1, invokedAt: this.#mark(), ackedAt: Infinity };
    this.numbers.push(number);
    this.appends.push(step);
    try {
      await this.#journal.append(0x8001, 0, 0, payload);
      step.ackedAt = this.#mark();
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.reason !== 'full') throw error;
      this.#withdraw(number, step);
      await this.#pause(3_000_000);
    }
    if (draws.chance(1, 8)) await this.#pause(draws.below(2_000_000));
  }

  /** It was refused, so it is not in the log; those behind it are one place further up. */
  #withdraw(number: number, step: Step): void {
    this.numbers.splice(this.numbers.indexOf(number), 1);
    const at = this.appends.indexOf(step);
    this.appends.splice(at, 1);
    for (const later of this.appends.slice(at)) later.count -= 1;
  }

  async #applyEach(draws: Random): Promise<void> {
    const records = this.#journal.subscribe({ consumer: 'exact' });
    const seen = this.numbers.slice(0, this.#run.before.appliedCount);
    let upTo = 0;
    let wanted = 1;
    for (;;) {
      const taken = await this.#take(records, wanted);
      if (taken === undefined) return;
      seen.push(...taken.map(({ payload }) => numberOf(payload)));
      upTo = taken.at(-1)?.lsn ?? upTo;
      const data = appliedBlock(seen);
      const isDone = await this.#step(this.applied, seen.length, () =>
        this.#journal.transaction([{ block: 0, data }], { consumer: 'exact', upTo }),
      );
      // In a full ring more must be done with at once.
      wanted = isDone ? 1 + draws.below(4) : 100;
      if (!isDone || draws.chance(1, 6)) await this.#pause(draws.below(6_000_000));
    }
  }

  /** At least one, then what there is by now; undefined at the end. */
  async #take(records: Subscription, wanted: number): Promise<AppendedRecord[] | undefined> {
    const taken: AppendedRecord[] = [];
    const isMore = wanted === 100;
    while (taken.length < wanted) {
      this.#pending ??= records.next();
      const mayWait = taken.length === 0 && !isMore;
      const late = mayWait ? this.#pending : this.#pause(500_000).then(() => undefined);
      const found = await Promise.race([this.#pending, late]);
      if (found === undefined) break;
      this.#pending = undefined;
      if (found.done === true) return undefined;
      taken.push(found.value);
    }
    return taken;
  }

  async #commitSome(draws: Random): Promise<void> {
    const records = this.#journal.subscribe({ consumer: 'separate' });
    let count = this.#run.before.committedCount;
    let [lsn, next] = [0, records.next()];
    for (;;) {
      const found = await Promise.race([next, this.#pause(4_000_000)]);
      if (found !== undefined) {
        if (found.done === true) return;
        [lsn, next] = [found.value.lsn, records.next()];
        count += 1;
      }
      // Where nothing comes any more it may be the one that the appends wait for.
      if (found === undefined || draws.chance(1, 3)) {
        const upTo = lsn;
        await this.#step(this.committed, count, () => records.commit(upTo));
      }
      if (draws.chance(1, 10)) await this.#pause(draws.below(9_000_000));
    }
  }

  /** False where it was refused. */
  async #step(steps: Step[], count: number, work: () => Promise<unknown>): Promise<boolean> {
    const step = { count, invokedAt: this.#mark(), ackedAt: Infinity };
    steps.push(step);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.reason !== 'full') throw error;
      steps.splice(steps.indexOf(step), 1);
      return false;
    }
    step.ackedAt = this.#mark();
    return true;
  }

  #mark(): number {
    this.#position += 1;
    this.#history.mark(this.#position);
    return this.#position;
  }

  #pause(delayNs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#twin.timeline.after(delayNs, resolve);
    });
  }
}

function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
}

/** How many have been applied, and a chain over their numbers, over and over. */
function appliedBlock(numbers: readonly number[]): Uint8Array {
  let chain = 7;
  for (const number of numbers) chain = (Math.imul(chain, 31) + number) >>> 0;
  const words = new Uint32Array(1024);
  for (let at = 0; at < words.length; at += 2) words.set([numbers.length, chain], at);
  return new Uint8Array(words.buffer);
}

export interface StateResult {
  readonly index: number;
  readonly problem: string | undefined;
  readonly state: ConsumerState;
  /** As the crash left it, before recovery. */
  readonly image: SparseImage;
}

/** Recovers every planned state and says what is wrong with it, if anything. */
export async function* recoverAll(
  run: ConsumerRun,
  plan: CrashPlan,
  geometry: DeviceGeometry,
  options: JournalOptions,
): AsyncGenerator<StateResult> {
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) {
    const image = materialiser.images(state)[0]!;
    const twin = twinOn(image.fork(), geometry, createRandom(state.digest));
    let found: ConsumerState = nothingYet;
    let problem: string | undefined;
    try {
      const recovered = await recover(twin, options);
      for (const { window } of ledgerWindowsOf(run.history, state)) {
        problem ??= judge(run, recovered, window.first, window.last);
      }
      found = stateOf(run, recovered);
    } catch (error) {
      problem = `${(error as Error).name}: ${(error as Error).message}`;
    }
    yield { index: state.index, problem, state: found, image };
  }
}

interface Recovered {
  readonly applied: Uint8Array;
  readonly appliedCount: number;
  /** What each consumer is handed after the recovery. */
  readonly exact: readonly number[];
  readonly separate: readonly number[];
}

async function recover(twin: Twin, options: JournalOptions): Promise<Recovered> {
  const journal = await open(twin, options);
  const applied = new Uint8Array(4096);
  await journal.read(0, applied);
  const subscriptions = ['exact', 'separate'].map((consumer) => journal.subscribe({ consumer }));
  await journal[Symbol.asyncDispose]();
  const [exact = [], separate = []] = await Promise.all(
    subscriptions.map(async (records) => {
      const numbers: number[] = [];
      for await (const { payload } of records) numbers.push(numberOf(payload));
      return numbers;
    }),
  );
  return { applied, appliedCount: new Uint32Array(applied.buffer)[0]!, exact, separate };
}

function judge(
  { numbers, appends, applied, committed }: ConsumerRun,
  { applied: block, appliedCount, exact, separate }: Recovered,
  first: number,
  last: number,
): string | undefined {
  const total = appliedCount + exact.length;
  const committedCount = total - separate.length;
  const isWithin = (steps: readonly Step[], count: number): boolean =>
    count >= highest(steps, ({ ackedAt }) => ackedAt <= last) &&
    count <= highest(steps, ({ invokedAt }) => invokedAt <= first);
  if (!isWithin(appends, total)) return `${total} records have survived`;
  if (!Buffer.from(block).equals(appliedBlock(numbers.slice(0, appliedCount)))) {
    return `the block does not hold the effects of the first ${appliedCount} records`;
  }
  if (!isWithin(applied, appliedCount)) return `the effects of ${appliedCount} records are there`;
  if (!isSame(exact, numbers.slice(appliedCount, total))) {
    return `after ${appliedCount} effects the consumer is handed ${exact.join(' ')}`;
  }
  if (!isSame(separate, numbers.slice(committedCount, total))) {
    return `after ${committedCount} commits the consumer is handed ${separate.join(' ')}`;
  }
  const isStep = committed.some(({ count }) => count === committedCount);
  if (isStep && isWithin(committed, committedCount)) return undefined;
  return `the watermark is that of ${committedCount} records`;
}

function highest(steps: readonly Step[], counts: (step: Step) => boolean): number {
  return steps.filter(counts).reduce((most, { count }) => Math.max(most, count), 0);
}

function stateOf(
  { numbers }: ConsumerRun,
  { appliedCount, exact, separate }: Recovered,
): ConsumerState {
  const total = appliedCount + exact.length;
  return {
    numbers: numbers.slice(0, total),
    appliedCount,
    committedCount: total - separate.length,
  };
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, index) => number === b[index]);
}
