/**
 * Which bytes of a block device are written, by the kernel's tracepoint block:block_bio_queue through
 * perf_event_open(2). It belongs to its descriptors, so nothing stays when the process is killed.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import { mapFailed } from './memory.ts';
import { errnoName } from './system-call-error.ts';
import type { Pointer, SystemCalls } from './libc.ts';
import type { FileRange } from './file-calls.ts';

export type WriteTraceAnswer =
  | { readonly available: true; readonly trace: WriteTrace }
  | { readonly available: false; readonly reason: string };

const eventFolder = '/sys/kernel/tracing/events/block/block_bio_queue';
const onlineFile = '/sys/devices/system/cpu/online';

/** include/uapi/linux/perf_event.h */
const typeTracepoint = 2;
const sampleRaw = 1 << 10;
const attributeBytes = 64;
const setFilterRequest = 0x40082406;
const recordLost = 2;
const recordSample = 9;
/** Of struct perf_event_mmap_page. */
const headerPlace = { head: 1024, tail: 1032, dataOffset: 1040 } as const;

const pageBytes = 4096;
/** A power of two, as perf wants it; a record takes 72 bytes. */
const ringBytes = 128 * pageBytes;
const sectorBytes = 512;

/** Where the kernel puts the fields of the event. */
interface EventLayout {
  readonly id: number;
  readonly sector: number;
  readonly sectorCount: number;
  readonly flags: number;
}

interface Ring {
  readonly fd: number;
  readonly pointer: Pointer;
  readonly memory: Buffer;
}

/**
 * Starts to record the writes and discards of a block device, whoever sends them. Answers why where
 * the kernel has no such tracepoint, or does not let this process use it.
 */
export function openWriteTrace(calls: SystemCalls, node: string): WriteTraceAnswer {
  try {
    return { available: true, trace: new WriteTrace(calls, node, readLayout()) };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

export class WriteTrace implements Disposable {
  readonly #calls: SystemCalls;
  readonly #layout: EventLayout;
  #rings: Ring[] = [];

  constructor(calls: SystemCalls, node: string, layout: EventLayout) {
    this.#calls = calls;
    this.#layout = layout;
    try {
      for (const cpu of onlineProcessors()) this.#rings.push(this.#openRing(cpu, filterOf(node)));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The ranges that were written or discarded since it was last asked, in no order, and perhaps twice;
   * undefined where the kernel had to drop some.
   */
  take(): FileRange[] | undefined {
    const found: FileRange[] = [];
    let isWhole = true;
    for (const ring of this.#rings) isWhole = this.#drain(ring, found) && isWhole;
    return isWhole ? found : undefined;
  }

  [Symbol.dispose](): void {
    for (const { fd, pointer } of this.#rings) {
      this.#calls.munmap(pointer, pageBytes + ringBytes);
      fs.closeSync(fd);
    }
    this.#rings = [];
  }

  #openRing(cpu: number, filter: string): Ring {
    const calls = this.#calls;
    const fd = calls.perfEventOpen(attributesOf(this.#layout.id), cpu);
    if (fd < 0) throw new Error(`perf_event_open failed: ${errnoName(calls.errno())}`);
    const pointer = calls.mmap(null, pageBytes + ringBytes, 1 | 2, 1, fd, 0);
    const isMapped = pointer !== mapFailed;
    if (!isMapped || calls.ioctl(fd, setFilterRequest, Buffer.from(`${filter}\0`)) < 0) {
      const reason = errnoName(calls.errno());
      if (isMapped) calls.munmap(pointer, pageBytes + ringBytes);
      fs.closeSync(fd);
      throw new Error(`a perf event could not be set up: ${reason}`);
    }
    return { fd, pointer, memory: Buffer.from(calls.view(pointer, pageBytes + ringBytes)) };
  }

  #drain({ memory }: Ring, found: FileRange[]): boolean {
    const head = Number(memory.readBigUInt64LE(headerPlace.head));
    let tail = Number(memory.readBigUInt64LE(headerPlace.tail));
    const dataOffset = Number(memory.readBigUInt64LE(headerPlace.dataOffset));
    let isWhole = true;
    while (tail < head) {
      const record = recordAt(memory, dataOffset, tail % ringBytes);
      const type = record.readUInt32LE(0);
      if (type === recordLost) isWhole = false;
      if (type === recordSample) this.#addRange(record, found);
      tail += record.length;
    }
    memory.writeBigUInt64LE(BigInt(tail), headerPlace.tail);
    return isWhole;
  }

  #addRange(record: Buffer, found: FileRange[]): void {
    const { sector, sectorCount, flags } = this.#layout;
    const fields = record.subarray(8 + 4);
    const count = fields.readUInt32LE(sectorCount);
    // "R" stands for a read; F before W is a write with a flush, and a flush alone has no sectors.
    const isRead = fields[flags] === 'R'.charCodeAt(0);
    if (isRead || count === 0) return;
    found.push({
      byteOffset: Number(fields.readBigUInt64LE(sector)) * sectorBytes,
      byteCount: count * sectorBytes,
    });
  }
}

/** A record may begin at the end of the ring and go on at its start. */
function recordAt(memory: Buffer, dataOffset: number, place: number): Buffer {
  const byteCount = memory.readUInt16LE(dataOffset + place + 6);
  assert(byteCount >= 8, 'a record of perf has its header');
  const first = Math.min(byteCount, ringBytes - place);
  const start = dataOffset + place;
  if (first === byteCount) return memory.subarray(start, start + byteCount);
  return Buffer.concat([
    memory.subarray(start, start + first),
    memory.subarray(dataOffset, dataOffset + byteCount - first),
  ]);
}

function attributesOf(id: number): Uint8Array {
  const attributes = Buffer.alloc(attributeBytes);
  attributes.writeUInt32LE(typeTracepoint, 0);
  attributes.writeUInt32LE(attributeBytes, 4);
  attributes.writeBigUInt64LE(BigInt(id), 8);
  attributes.writeBigUInt64LE(1n, 16);
  attributes.writeBigUInt64LE(BigInt(sampleRaw), 24);
  return attributes;
}

/** The kernel's own dev_t: 12 bits of major number above 20 of minor number (proc(5) writes both). */
function filterOf(node: string): string {
  const numbers = fs.readFileSync(`/sys/class/block/${node.replace('/dev/', '')}/dev`, 'utf8');
  const [major = 0, minor = 0] = numbers.trim().split(':').map(Number);
  return `dev == ${major * 2 ** 20 + minor}`;
}

function readLayout(): EventLayout {
  const format = fs.readFileSync(`${eventFolder}/format`, 'utf8');
  const offsetOf = (field: string): number => {
    const found = new RegExp(`\\b${field}(?:\\[\\d+\\])?;\\s*offset:(\\d+);`).exec(format);
    if (found === null) throw new Error(`block_bio_queue has no field ${field}`);
    return Number(found[1]);
  };
  return {
    id: Number(/^ID: (\d+)$/m.exec(format)?.[1]),
    sector: offsetOf('sector'),
    sectorCount: offsetOf('nr_sector'),
    flags: offsetOf('rwbs'),
  };
}

/** `0-3,6` is 0, 1, 2, 3 and 6. */
function onlineProcessors(): number[] {
  const ranges = fs.readFileSync(onlineFile, 'utf8').trim().split(',');
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
