/** One job, from its first operation to its figures, whatever performs the operations. */
import { writesSomething, type FioJob } from '../job.ts';
import { opKind } from '../plan/op-chunk.ts';
import { WrittenBlocks } from '../plan/written-blocks.ts';
import { FaultList } from './fault-list.ts';
import { JobMeter } from './job-meter.ts';
import type { CpuUse, JobResult, VerificationResult } from './job-result.ts';
import type { LoadDriver, LoadTask } from './load-task.ts';
import { PlanFeed, ReadBackFeed } from './op-feed.ts';
import { Pacer } from './pacer.ts';
import { RunWindow } from './run-window.ts';
import { usageBetween } from './thread-usage.ts';
import { Contents } from './write-contents.ts';

/** What is to be run, and where that is watched and stopped. */
export interface JobOrder {
  readonly job: FioJob;
  readonly seed: number;
  /** One word, a `jobState`; shared with whoever stops the job. */
  readonly control: Int32Array;
  /** `progressWords`; shared with whoever looks on. */
  readonly progress: Float64Array;
}

/** What the run itself knows of the result. */
export type JobOutcome = Omit<JobResult, 'job' | 'seed' | 'engine' | 'targets' | 'disks'>;

export class JobRun {
  readonly #order: JobOrder;
  readonly #readUsage: () => CpuUse;
  readonly #driver: LoadDriver;
  readonly #contents: Contents;
  readonly #written: WrittenBlocks | undefined;
  readonly #feed: PlanFeed;
  readonly #meter: JobMeter;
  readonly #window: RunWindow;
  readonly #pacer: Pacer;
  /** Faults of what the job itself reads. */
  readonly #faults: FaultList | undefined;
  readonly #readBack: FaultList;
  #readBackMs = 0;
  #usage: CpuUse;

  /** Fills the driver's memory; the driver stays the caller's. */
  constructor(order: JobOrder, driver: LoadDriver, readUsage: () => CpuUse) {
    const { job, seed, control, progress } = order;
    this.#order = order;
    this.#readUsage = readUsage;
    this.#driver = driver;
    this.#contents = new Contents(job, seed);
    this.#written = isReadBack(job) ? new WrittenBlocks(job) : undefined;
    this.#feed = new PlanFeed(job, seed, this.#written);
    this.#meter = new JobMeter(job, progress);
    this.#meter.isSplit = this.#driver.isSplit;
    this.#pacer = new Pacer(job, this.#feed.isPaced);
    this.#usage = readUsage();
    this.#window = new RunWindow(job, control, this.#meter, () => {
      this.#usage = readUsage();
    });
    const checksReads = this.#contents.isVerified && job.pattern.access === 'read';
    this.#faults = checksReads ? new FaultList(job) : undefined;
    this.#readBack = new FaultList(job);
    for (const buffer of this.#driver.buffers) this.#contents.prefill(buffer);
  }

  async perform(): Promise<JobOutcome> {
    const startedAtMs = performance.timeOrigin + performance.now();
    const beginMs = performance.now();
    this.#window.begin(beginMs);
    this.#pacer.begin(beginMs);
    while (await this.#onePass());
    await this.#syncAtEnd();
    const endMs = performance.now();
    const cpu = usageBetween(this.#usage, this.#readUsage());
    const note = await this.#finalReadBack(endMs);
    return this.#outcome(startedAtMs, endMs, cpu, note);
  }

  /** Whether another pass follows. */
  async #onePass(): Promise<boolean> {
    if (this.#order.job.verify.isReadBackOnly) this.#skipPass();
    else await this.#driver.run(this.#task());
    if (!this.#feed.isAtPassEnd || this.#window.isOver(performance.now())) return false;
    const pauseFromMs = performance.now();
    await this.#verifyPass();
    if (this.#faultsAreFatal() && this.#readBack.count > 0) return false;
    this.#feed.beginPass();
    const nowMs = performance.now();
    this.#window.skipPause(pauseFromMs, nowMs);
    this.#pacer.shift(nowMs - pauseFromMs);
    return true;
  }

  #task(): LoadTask {
    return {
      feed: this.#feed,
      meter: this.#meter,
      window: this.#window,
      pacer: this.#pacer,
      contents: this.#contents,
      faults: this.#faults,
      knowsWrites: false,
      endsAtFault: this.#faultsAreFatal(),
    };
  }

  #faultsAreFatal(): boolean {
    return this.#order.job.verify.isFatal;
  }

  /** `verify_only`: the writes are taken for done. */
  #skipPass(): void {
    while (this.#feed.load()) this.#feed.consume();
  }

  /** `end_fsync` and `fsync_on_close`, within the measured time as in fio. */
  async #syncAtEnd(): Promise<void> {
    const { isSyncedAtEnd, isSyncedOnClose } = this.#order.job.durability;
    if (!isSyncedAtEnd && !isSyncedOnClose) return;
    for (const file of this.#order.job.extent.files.keys()) {
      const mark = this.#meter.markSync(file);
      const startMs = performance.now();
      const errno = await this.#driver.syncFile(file);
      if (errno === 0) this.#meter.synced(file, mark, startMs, performance.now());
      else this.#meter.failed(opKind.fsync, file, 0, 0, errno);
    }
  }

  /** Reads back what has not been read back yet; answers why not, where it did not. */
  async #finalReadBack(nowMs: number): Promise<string> {
    if (this.#written === undefined) return '';
    if (this.#window.end === 'error') return 'an operation failed, so nothing was read back';
    if (this.#window.end === 'interrupted') return 'interrupted before everything was read back';
    if (this.#meter.errorCount > 0) return 'a sync failed, so not everything was read back';
    if (!(this.#faultsAreFatal() && this.#readBack.count > 0)) await this.#verifyPass();
    return this.#wasStopped(nowMs) ? 'interrupted before everything was read back' : '';
  }

  #wasStopped(nowMs: number): boolean {
    return this.#window.isOver(nowMs) && this.#window.end === 'interrupted';
  }

  /** Not limited by `runtime`: otherwise a part of what was written would never be looked at. */
  async #verifyPass(): Promise<void> {
    const { job, control, progress } = this.#order;
    this.#feed.settle();
    const plain: FioJob = {
      ...job,
      extent: { ...job.extent, runtimeNs: null, rampNs: 0 },
      pace: { ...job.pace, thinkNs: 0 },
    };
    const meter = new JobMeter(plain, progress);
    const window = new RunWindow(plain, control, meter, () => undefined);
    const fromMs = performance.now();
    window.begin(fromMs);
    await this.#driver.run({
      feed: new ReadBackFeed(this.#written!.readBack()),
      meter,
      window,
      pacer: new Pacer(plain, false),
      contents: this.#contents,
      faults: this.#readBack,
      knowsWrites: true,
      endsAtFault: this.#faultsAreFatal(),
    });
    this.#readBackMs += performance.now() - fromMs;
    this.#meter.adoptErrors(meter);
  }

  #outcome(startedAtMs: number, endMs: number, cpu: CpuUse, note: string): JobOutcome {
    const { job } = this.#order;
    const hasErrors = this.#meter.errorCount > 0;
    return {
      mode: {
        loop: this.#pacer.isOpenLoop ? 'open' : 'closed',
        isPaced: this.#feed.isPaced,
        calls: this.#driver.isSplit ? 'split' : 'combined',
        registersBuffers: this.#driver.registersBuffers,
      },
      endedBy: hasErrors ? 'error' : this.#window.end,
      startedAtMs,
      runtimeNs: (endMs - this.#window.measuredFromMs) * 1e6,
      directions: this.#meter.directions(),
      writtenSinceStart: this.#meter.writtenSinceStart(),
      sync: this.#meter.syncs(),
      depth: this.#meter.depth(),
      series: this.#meter.series(endMs),
      log: this.#meter.log(endMs),
      cpu,
      errors: this.#meter.errors(),
      verification: job.verify.kind === 'none' ? undefined : this.#verification(note),
      issuedDigest: this.#feed.digest(),
      issuedOps: this.#feed.issuedOps,
    };
  }

  #verification(note: string): VerificationResult {
    const lists = [this.#readBack, ...(this.#faults === undefined ? [] : [this.#faults])];
    const sumOf = (figure: (list: FaultList) => number): number =>
      lists.reduce((sum, list) => sum + figure(list), 0);
    return {
      kind: this.#order.job.verify.kind,
      ops: sumOf(({ ops }) => ops),
      bytes: sumOf(({ bytes }) => bytes),
      runtimeNs: this.#readBackMs * 1e6,
      faultCount: sumOf(({ count }) => count),
      faults: lists.flatMap(({ kept }) => kept),
      note,
    };
  }
}

function isReadBack(job: FioJob): boolean {
  const { kind, isReadBack, isReadBackOnly } = job.verify;
  return kind !== 'none' && (isReadBack || isReadBackOnly) && writesSomething(job);
}
