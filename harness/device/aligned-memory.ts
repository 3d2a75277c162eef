const wasmPageBytes = 65_536;
const pageBytes = 4096;
/** Each WebAssembly.Memory reserves gigabytes of address space, so few are made. */
const chunkBytesMin = 1024 * 1024;

/**
 * Page-aligned memory without any system call: a WebAssembly.Memory starts on a page, where a Buffer
 * starts 16 bytes after one, which O_DIRECT refuses. The memory lives as long as a view of it.
 */
export class AlignedMemory {
  #chunk = new ArrayBuffer(0);
  #usedBytes = 0;
  readonly #buffers = new WeakSet<ArrayBufferLike>();

  /** Zeroed and page-aligned. */
  allocate(byteCount: number): Uint8Array {
    const roundedBytes = Math.ceil(byteCount / pageBytes) * pageBytes;
    if (this.#usedBytes + roundedBytes > this.#chunk.byteLength) this.#addChunk(roundedBytes);
    const view = new Uint8Array(this.#chunk, this.#usedBytes, byteCount);
    this.#usedBytes += roundedBytes;
    return view;
  }

  /** Whether the view lies in this memory, on a multiple of `alignBytes`. */
  isAligned(view: Uint8Array, alignBytes: number): boolean {
    return view.byteOffset % alignBytes === 0 && this.#buffers.has(view.buffer);
  }

  #addChunk(byteCount: number): void {
    const pages = Math.ceil(Math.max(byteCount, chunkBytesMin) / wasmPageBytes);
    this.#chunk = new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
    this.#buffers.add(this.#chunk);
    this.#usedBytes = 0;
  }
}
