/**
 * The twin under the kernel: the recorded drive, served through /dev/fuse by a process of its own
 * (fuse-server.ts), with a loop device on it that file systems are made and mounted on. What the
 * kernel writes, and in which order it flushes, is on record as on the simulated rig.
 *
 * What the history says and does not say:
 *
 * - A request counts as submitted when the server has read it, and as complete just before it is
 *   answered. Requests that wait in the kernel's queue are all read before the first is answered, so
 *   writes that the loop device has in flight together are in flight together in the history, and a
 *   flush that is queued with a write does not cover it. Otherwise requests complete at once, as
 *   nothing takes time: some states of a drive that is slow to answer are missed, none is made up.
 * - While a flush is under way the kernel sends no write (fs/fuse/file.c: fsync holds the inode's
 *   lock), so writes that a drive would have received during a flush come after it.
 * - The loop device has no FUA: the block layer sends the write, and then a flush. That is more than
 *   was asked for, so what FUA alone would leave in the cache is durable here.
 * - The loop device always has a write cache, as the kernel sees it. Where the geometry has none, each
 *   write is durable when it completes, and flushes come all the same.
 * - Discards are declined unless asked for, as the loop driver does not let them be told apart from
 *   writes of zeros; zeros then come as plain writes.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  HarnessError,
  type DeviceGeometry,
  type DriveFaultRule,
  type EngineArea,
  type FaultFiring,
  type LedgerPosition,
  type Random,
} from '../contract/index.ts';
import { createLoopDevice, type LoopDevice } from '../device/loop.ts';
import { decodeHistory, encodeHistory } from '../drive/history-file.ts';
import { History } from '../drive/history.ts';
import { createImage, type SparseImage } from '../drive/image.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { mapSharedWords } from '../sys/shared-words.ts';
import { takeAway, type TwinParts } from './fuse-cleanup.ts';
import { frameKinds, frameOf, jsonFrameOf } from './fuse-messages.ts';
import { NoteSender, noteKinds, noteRingWords } from './fuse-notes.ts';
import { TwinProcess, takeNotesFrame } from './fuse-process.ts';
import type { ArmJob, TwinJob } from './fuse-server.ts';

/**
 * Told of what is about to be made, so that it can be taken away whatever happens: in the reverse
 * order, and the process first, as nothing on a device that is gone can hang.
 */
export interface TwinResources {
  makeDirectory(name: string): string;
  holdMount(target: string): unknown;
  holdLoop(backingFile: string): unknown;
  holdProcess(pid: number): unknown;
}

export interface KernelTwinOptions {
  readonly geometry: DeviceGeometry;
  /** Of chance, and of what a drive without `image` holds: foreign data. */
  readonly seed: number;
  /** What the drive holds at first; it is not changed. */
  readonly image?: SparseImage;
  readonly areas?: readonly EngineArea[];
  /** The loop device takes discards; see above. */
  readonly discards?: boolean;
  readonly resources: TwinResources;
}

export interface KernelTwin extends AsyncDisposable {
  /** `/dev/loopN`. */
  readonly node: string;
  readonly geometry: DeviceGeometry;
  /** Resolves once the power is off: cut from here, by a fault, or because the server has died. */
  readonly powerLost: Promise<void>;
  /** The faults that fired; known once the power is cut. */
  readonly firings: readonly FaultFiring[];
  /**
   * Placed after everything answered so far, and before everything that follows from what is begun
   * after the call: there is no need to wait for anything in between. Rejects once the server has died.
   */
  mark(position: LedgerPosition): Promise<void>;
  /** Moments that count operations, flushes or time count from here. */
  beginWorkload(): Promise<void>;
  /** The workload's n-th operation, from 1, is about to be performed. */
  noteOp(n: number): Promise<void>;
  /** In force when it resolves. Rejects with CONFIG_INVALID where the rule cannot act here. */
  arm(rule: DriveFaultRule, random: Random): Promise<void>;
  /** Power is cut: requests fail from here on (EIO), nothing more is recorded; the history so far. */
  cut(): Promise<History>;
}

const startWithinMs = 30_000;
/** A history of gigabytes takes its time to be handed over. */
const cutWithinMs = 120_000;

/**
 * Needs root, /dev/fuse and loop devices. Throws UNAVAILABLE with what is missing and what to do, and
 * takes away what it had made.
 */
export async function startKernelTwin(options: KernelTwinOptions): Promise<KernelTwin> {
  refuseWithout(kernelTwinGap());
  const calls = await systemCalls();
  const { geometry, resources } = options;
  // The mount table names places without symbolic links.
  const directory = fs.realpathSync(resources.makeDirectory('twin'));
  const deviceFile = path.join(directory, 'device');
  const notesFile = path.join(directory, 'notes');
  fs.writeFileSync(deviceFile, '', { mode: 0o600 });
  fs.writeFileSync(notesFile, new Uint8Array(noteRingWords * 4), { mode: 0o600 });
  const notes = new NoteSender(mapNotes(calls, notesFile));
  resources.holdMount(deviceFile);
  resources.holdLoop(deviceFile);
  const server = new TwinProcess();
  if (server.pid !== undefined) resources.holdProcess(server.pid);
  const parts: TwinParts = { calls, server, deviceFile, loop: undefined };
  try {
    await within(startWithinMs, 'the start of the twin', server.ask(...jobFrames(options, parts)));
    parts.loop = await attach(deviceFile, options);
    return new ServedTwin(geometry, parts, notes, parts.loop.node);
  } catch (error) {
    await takeAway(parts);
    throw error;
  }
}

/** Why this machine cannot serve a twin, and what to do about it; undefined where it can. */
export function kernelTwinGap(): string | undefined {
  if (process.platform !== 'linux') return `the rig fuse needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the rig fuse needs root to mount; run as root';
  if (!fs.existsSync('/dev/fuse')) {
    return 'the rig fuse needs /dev/fuse, which is missing; load the kernel module fuse';
  }
  if (!fs.existsSync('/dev/loop-control')) {
    return 'the rig fuse needs loop devices, and /dev/loop-control is missing; load the kernel module loop';
  }
  return undefined;
}

class ServedTwin implements KernelTwin {
  readonly node: string;
  readonly geometry: DeviceGeometry;
  readonly powerLost: Promise<void>;
  readonly #parts: TwinParts;
  readonly #notes: NoteSender;
  #history: Promise<History> | undefined;
  #firings: readonly FaultFiring[] = [];
  #noteCut: () => void = () => undefined;

  constructor(geometry: DeviceGeometry, parts: TwinParts, notes: NoteSender, node: string) {
    this.node = node;
    this.geometry = geometry;
    this.#parts = parts;
    this.#notes = notes;
    const cut = new Promise<void>((resolve) => {
      this.#noteCut = resolve;
    });
    this.powerLost = Promise.race([cut, parts.server.powerLost, parts.server.ended]);
  }

  get firings(): readonly FaultFiring[] {
    return this.#firings;
  }

  mark(position: LedgerPosition): Promise<void> {
    return this.#note(noteKinds.mark, position);
  }

  beginWorkload(): Promise<void> {
    return this.#note(noteKinds.begin, 0);
  }

  noteOp(n: number): Promise<void> {
    return this.#note(noteKinds.op, n);
  }

  async arm(rule: DriveFaultRule, random: Random): Promise<void> {
    const job: ArmJob = { rule, seed: random.uint32() };
    await this.#parts.server.ask(jsonFrameOf(frameKinds.arm, job));
  }

  cut(): Promise<History> {
    return (this.#history ??= this.#cutOnce());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await takeAway(this.#parts);
  }

  async #note(kind: number, value: number): Promise<void> {
    const { server } = this.#parts;
    // Nobody takes notes any more: say so, as the run goes on for nothing.
    server.refuseWhenGone();
    while (!this.#notes.offer(kind, value)) await server.ask(takeNotesFrame);
  }

  async #cutOnce(): Promise<History> {
    const { server } = this.#parts;
    const asked = server.ask(frameOf(frameKinds.cut));
    const history = decodeHistory(await within(cutWithinMs, 'the history of the twin', asked));
    this.#firings = history.events.flatMap((event) =>
      event.kind === 'fault' ? [event.firing] : [],
    );
    this.#noteCut();
    return history;
  }
}

async function systemCalls(): Promise<SystemCalls> {
  const loaded = await loadSystemCalls();
  if (loaded.available) return loaded.calls;
  throw new HarnessError('UNAVAILABLE', loaded.reason);
}

function refuseWithout(gap: string | undefined): void {
  if (gap !== undefined) throw new HarnessError('UNAVAILABLE', gap);
}

function mapNotes(calls: SystemCalls, file: string): Uint32Array {
  const fd = fs.openSync(file, 'r+');
  try {
    return mapSharedWords(calls, fd, noteRingWords);
  } finally {
    fs.closeSync(fd);
  }
}

function jobFrames(options: KernelTwinOptions, { deviceFile }: TwinParts): readonly Buffer[] {
  const { geometry, seed, areas = [], discards = false } = options;
  const image = options.image ?? createImage(geometry, seed >>> 0);
  const notesFile = path.join(path.dirname(deviceFile), 'notes');
  const job: TwinJob = { geometry, seed, areas, discards, deviceFile, notesFile };
  const holding = new History({ now: () => 0 });
  holding.addDevice({ device: 0, name: 'twin', geometry, base: image });
  return [jsonFrameOf(frameKinds.job, job), frameOf(frameKinds.image, encodeHistory(holding))];
}

/**
 * The loop device. Nothing of its queue is set: what was set once stays with the node, for whoever gets
 * it next, and so it is looked at.
 */
async function attach(deviceFile: string, { geometry }: KernelTwinOptions): Promise<LoopDevice> {
  const loop = await createLoopDevice(deviceFile, {
    logicalBlockBytes: geometry.logicalBlockBytes === 512 ? 512 : 4096,
  });
  const file = `/sys/block/${path.basename(loop.node)}/queue/write_cache`;
  const found = fs.readFileSync(file, 'utf8').trim();
  if (found === 'write back') return loop;
  await loop.detach();
  throw new HarnessError(
    'UNAVAILABLE',
    `${loop.node} would not pass flushes on, as somebody has set its write cache to "${found}"; set it back: echo "write back" > ${file}`,
  );
}

async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const late = delay(limitMs, undefined, { signal: timeout.signal, ref: false }).then((): never => {
    throw new HarnessError('UNAVAILABLE', `${what} takes longer than ${limitMs} ms`);
  });
  // When the work is done first, the wait is called off, and nobody asks how it ended.
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timeout.abort();
  }
}
