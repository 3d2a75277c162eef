/**
 * The process of the twin under the kernel: mounts one file by /dev/fuse and serves it from a
 * recording store. One thread, which waits for the kernel and for the run at once and does nothing
 * else; it must never touch the file that it serves, nor anything on top of it.
 *
 * When the run's end of the socket closes, this process ends, and with it the connection to the
 * kernel: everything on the device then fails with EIO. That is a power cut too.
 */
import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import * as os from 'node:os';
import {
  HarnessError,
  createRandom,
  type DeviceGeometry,
  type DriveFaultRule,
  type EngineArea,
  type Nanoseconds,
} from '../contract/index.ts';
import { decodeHistory, historyPieces } from '../drive/history-file.ts';
import { FuseSession, requestBytesMax, type PendingReply } from '../drive/served/fuse-session.ts';
import { RecordingStore } from '../drive/served/recording-store.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { mountFileSystem, mountFlag } from '../sys/mount.ts';
import { ReadableWait } from '../sys/readable-wait.ts';
import { mapSharedWords } from '../sys/shared-words.ts';
import { errnoName } from '../sys/system-call-error.ts';
import {
  FrameReader,
  frameKinds,
  frameOf,
  jsonFrameOf,
  jsonOf,
  type Failed,
  type Frame,
} from './fuse-messages.ts';
import { NoteReceiver, noteKinds, noteRingWords } from './fuse-notes.ts';

/** What the process is started for. */
export interface TwinJob {
  readonly geometry: DeviceGeometry;
  readonly areas: readonly EngineArea[];
  readonly seed: number;
  readonly discards: boolean;
  /** Both are empty or zeroed, and the server's own. */
  readonly deviceFile: string;
  readonly notesFile: string;
}

export interface ArmJob {
  readonly rule: DriveFaultRule;
  readonly seed: number;
}

/** The run hands over its socket as this descriptor. */
const runSocket = 3;
/** The memory that requests are read to, one after the other; writes stay in it for good. */
const slabBytes = 8 * 1024 * 1024;
/** Requests read before the first of them is answered. */
const readAheadMax = 64;
const foreverMs = 3_600_000;

interface Waiting {
  readonly reply: PendingReply;
  readonly dueNs: Nanoseconds;
}

class TwinServer {
  readonly #calls: SystemCalls;
  readonly #fuseFd: number;
  readonly #store: RecordingStore;
  readonly #session: FuseSession;
  readonly #notes: NoteReceiver;
  readonly #frames: FrameReader;
  readonly #wait: ReadableWait;
  /** Read and not answered, in their order: one that is held back holds back those behind it. */
  readonly #waiting: Waiting[] = [];
  /** What is left of the history to be handed over, once the power is cut. */
  #handover: Iterator<Uint8Array> | undefined;
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #slabUsed = 0;

  constructor(
    calls: SystemCalls,
    fuseFd: number,
    frames: FrameReader,
    store: RecordingStore,
    notes: NoteReceiver,
    discards: boolean,
  ) {
    this.#calls = calls;
    this.#fuseFd = fuseFd;
    this.#frames = frames;
    this.#store = store;
    this.#session = new FuseSession(store, { discards });
    this.#notes = notes;
    this.#wait = new ReadableWait(calls, [fuseFd, runSocket]);
  }

  serve(): never {
    for (;;) {
      this.#wait.wait(this.#handover === undefined ? this.#answerInMs() : 0);
      if (this.#wait.isReady(0)) this.#readRequests();
      if (this.#handover !== undefined) this.#handOver(this.#handover);
      else if (this.#wait.isReady(1)) this.#hearRun();
      this.#answerDue();
    }
  }

  /** How long nothing is to be answered. */
  #answerInMs(): number {
    const [first] = this.#waiting;
    return first === undefined ? foreverMs : Math.max(0, (first.dueNs - nowNs()) / 1e6);
  }

  /** Those that are queued are in flight together: none is answered before all are read. */
  #readRequests(): void {
    for (let count = 0; count < readAheadMax; count++) {
      const request = this.#readRequest();
      if (request === undefined) return;
      this.#takeNotes();
      const reply = this.#session.receive(request);
      if (reply === undefined) continue;
      const dueNs = reply.stallNs === 0 ? 0 : nowNs() + reply.stallNs;
      this.#waiting.push({ reply, dueNs });
    }
  }

  #readRequest(): Buffer | undefined {
    if (this.#slab.length - this.#slabUsed < requestBytesMax) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#slabUsed = 0;
    }
    const room = this.#slab.subarray(this.#slabUsed);
    const byteCount = this.#calls.read(this.#fuseFd, room, room.length);
    if (byteCount >= 0) {
      // Eight bytes, so that numbers in requests lie as the processor likes them.
      this.#slabUsed += Math.ceil(byteCount / 8) * 8;
      return room.subarray(0, byteCount);
    }
    this.#endIfUnmounted(errnoName(this.#calls.errno()));
    return undefined;
  }

  /** ENOENT and EINTR: the request was taken back before it was read (fs/fuse/dev.c). */
  #endIfUnmounted(code: string): void {
    if (code === 'EAGAIN' || code === 'EINTR' || code === 'ENOENT') return;
    if (code !== 'ENODEV') throw new HarnessError('SYSTEM_CALL_FAILED', `/dev/fuse: ${code}`);
    this.#wait.forget(0);
  }

  #answerDue(): void {
    const { length } = this.#waiting;
    let done = 0;
    while (done < length && (this.#store.isCut || this.#isDue(done))) {
      const answer = this.#waiting[done++]!.reply.finish();
      // A failure means that nobody waits for this answer any more.
      this.#calls.write(this.#fuseFd, answer, answer.length);
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  #isDue(place: number): boolean {
    const { dueNs } = this.#waiting[place]!;
    return dueNs === 0 || dueNs <= nowNs();
  }

  #takeNotes(): void {
    this.#notes.drain((kind, value) => {
      if (kind === noteKinds.mark) this.#store.mark(value);
      else if (kind === noteKinds.op) this.#store.noteOp(value);
      else this.#store.beginWorkload();
    });
  }

  #hearRun(): void {
    const piece = readPiece();
    if (piece === undefined) process.exit(0);
    this.#takeNotes();
    for (const frame of this.#frames.take(piece)) this.#obey(frame);
  }

  #obey(frame: Frame): void {
    try {
      if (frame.kind === frameKinds.cut) {
        this.#store.cut();
        this.#handover = historyPieces(this.#store.history);
        return;
      }
      if (frame.kind === frameKinds.arm) this.#arm(jsonOf(frame) as ArmJob);
      send(frameOf(frameKinds.done));
    } catch (error) {
      send(failureOf(error));
    }
  }

  /** A piece at a time: requests must fail at once, and not when all is handed over. */
  #handOver(pieces: Iterator<Uint8Array>): void {
    const next = pieces.next();
    if (next.done !== true) {
      send(frameOf(frameKinds.historyPiece, next.value));
      return;
    }
    this.#handover = undefined;
    send(frameOf(frameKinds.history));
  }

  #arm({ rule, seed }: ArmJob): void {
    this.#store.arm(rule, createRandom(seed));
  }
}

/** Whole nanoseconds, monotonic. */
function nowNs(): Nanoseconds {
  return Math.round(performance.now() * 1e6);
}

function readPiece(): Buffer | undefined {
  const piece = Buffer.allocUnsafeSlow(256 * 1024);
  const byteCount = fs.readSync(runSocket, piece);
  return byteCount === 0 ? undefined : piece.subarray(0, byteCount);
}

function send(frame: Buffer): void {
  for (let sent = 0; sent < frame.length;) sent += fs.writeSync(runSocket, frame, sent);
}

function failureOf(error: unknown): Buffer {
  const failed: Failed =
    error instanceof HarnessError
      ? { code: error.code, message: error.message }
      : { code: 'UNAVAILABLE', message: `the server of the twin failed: ${String(error)}` };
  return jsonFrameOf(frameKinds.failed, failed);
}

async function start(): Promise<TwinServer> {
  const frames = new FrameReader();
  const [jobFrame, imageFrame] = readFrames(frames, 2);
  const job = jsonOf(jobFrame!) as TwinJob;
  const loaded = await loadSystemCalls();
  if (!loaded.available) throw new HarnessError('UNAVAILABLE', loaded.reason);
  const store = storeFor(job, imageFrame!.body);
  const notes = new NoteReceiver(mapNotes(loaded.calls, job.notesFile));
  const fuseFd = await mountDevice(loaded.calls, job.deviceFile);
  return new TwinServer(loaded.calls, fuseFd, frames, store, notes, job.discards);
}

function readFrames(reader: FrameReader, count: number): Frame[] {
  const frames: Frame[] = [];
  while (frames.length < count) {
    const piece = readPiece();
    // The run has ended before it had said what to do.
    if (piece === undefined) process.exit(0);
    frames.push(...reader.take(piece));
  }
  return frames;
}

function storeFor({ geometry, areas, seed }: TwinJob, image: Uint8Array): RecordingStore {
  return new RecordingStore({
    name: 'twin',
    geometry,
    image: decodeHistory(image).deviceOf(0).base.fork(),
    clock: { now: nowNs },
    random: createRandom(seed).fork('drive'),
    areas,
    onPowerCut: () => {
      send(frameOf(frameKinds.powerLost));
    },
  });
}

function mapNotes(calls: SystemCalls, file: string): Uint32Array {
  const fd = fs.openSync(file, 'r+');
  try {
    return mapSharedWords(calls, fd, noteRingWords);
  } finally {
    fs.closeSync(fd);
  }
}

async function mountDevice(calls: SystemCalls, deviceFile: string): Promise<number> {
  const { O_RDWR, O_NONBLOCK } = fs.constants;
  const fd = fs.openSync('/dev/fuse', O_RDWR | O_NONBLOCK);
  await mountFileSystem(calls, {
    source: 'powercut-twin',
    target: deviceFile,
    fileSystem: 'fuse',
    flags: mountFlag.noSetUid | mountFlag.noDevices,
    options: `fd=${fd},rootmode=100600,user_id=0,group_id=0`,
  });
  return fd;
}

/**
 * Every request waits for this process, and it does little: where others keep the processors busy, each
 * flush of a file system would otherwise wait for a turn several times.
 */
const priority = -12;

try {
  os.setPriority(priority);
  const server = await start();
  send(frameOf(frameKinds.ready));
  server.serve();
} catch (error) {
  send(failureOf(error));
  process.exit(1);
}
