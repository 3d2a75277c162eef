/** Numbers of the io_uring interface (include/uapi/linux/io_uring.h), as far as they are used. */

export const operationCode = {
  nop: 0,
  readFixed: 4,
  writeFixed: 5,
  fsync: 3,
  fallocate: 17,
  read: 22,
  write: 23,
} as const;

export const sqeFlag = {
  fixedFile: 1 << 0,
  link: 1 << 2,
  /** A worker of the ring does it from the beginning, not the thread that submits. */
  async: 1 << 4,
  /** A success posts no completion; a failure does, and those linked behind it then post none. */
  skipSuccess: 1 << 6,
} as const;

export const setupFlag = {
  /** Creates the completion queue with the size given. */
  cqSize: 1 << 3,
  clamp: 1 << 4,
  submitAll: 1 << 7,
  /** Completions are posted when the thread enters the kernel anyway: no interrupts of JavaScript. */
  coopTaskrun: 1 << 8,
  singleIssuer: 1 << 12,
  /** Completions are posted only when the thread waits for them (Linux 6.1). */
  deferTaskrun: 1 << 13,
} as const;

export const feature = {
  singleMmap: 1 << 0,
  skipSuccess: 1 << 11,
} as const;

export const enterFlag = {
  getEvents: 1 << 0,
  /** The descriptor is the index of a registered ring. */
  registeredRing: 1 << 4,
} as const;

export const registerCode = {
  unregisterBuffers: 1,
  files: 2,
  eventfd: 4,
  bufferTable: 15,
  bufferUpdate: 16,
  /** Two u32: workers for files, and for all else; 0 leaves as it is. Comes back as it was (Linux 5.15). */
  workersMax: 19,
  /** A thread may name a ring of its own by an index, which is quicker to look up (Linux 5.18). */
  ringDescriptor: 20,
  unregisterRingDescriptor: 21,
} as const;

export const fsyncFlag = { dataSync: 1 } as const;

/** Flags of one transfer (preadv2(2)). */
export const transferFlag = {
  /** Durable on completion: a FUA write where the file is opened with O_DIRECT. */
  dataSync: 0x2,
} as const;

export const fallocateMode = { keepSize: 0x1, punchHole: 0x2 } as const;

/** Byte sizes and offsets of struct io_uring_params. */
export const parametersBytes = 120;
export const parameterOffset = {
  sqEntries: 0,
  cqEntries: 4,
  flags: 8,
  features: 20,
  sqHead: 40,
  sqTail: 44,
  sqMask: 48,
  sqFlags: 56,
  sqArray: 64,
  cqHead: 80,
  cqTail: 84,
  cqMask: 88,
  cqEntriesStart: 100,
} as const;

export const sqeBytes = 64;
export const sqeWords = sqeBytes / 4;
export const cqeBytes = 16;
export const cqeWords = cqeBytes / 4;

export const mapOffset = { rings: 0, sqes: 0x10000000 } as const;

/** Byte size and word offsets of struct io_uring_rsrc_register, and its flag for an empty table. */
export const resourceRegister = { byteCount: 32, entriesWord: 0, flagsWord: 1, sparse: 1 } as const;

/** Words of struct io_uring_rsrc_update, of the ring descriptor; and the index that asks for any. */
export const ringDescriptor = { words: 4, indexWord: 0, fdWord: 2, anyIndex: 0xffffffff } as const;

/** Byte size and word offsets of struct io_uring_rsrc_update2. */
export const resourceUpdate = {
  byteCount: 32,
  offsetWord: 0,
  dataWord: 2,
  tagsWord: 4,
  entriesWord: 6,
} as const;
