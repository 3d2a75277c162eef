/** What is looked at: images, and no device. */
export interface Medium {
  readonly journal: DeviceImage;
  /** Undefined where the journal's device has everything. */
  readonly data?: DeviceImage | undefined;
  /** The provider's 32 bytes of the key with that id. */
  readonly keyOf?: ((keyId: Uint8Array) => Uint8Array) | undefined;
}

export interface DeviceImage {
  readonly byteCount: number;
  readonly logicalBlockBytes: number;
  /** A copy. */
  read(at: number, byteCount: number): Uint8Array;
}

/** The medium holds no log that may be served; `rule` is one of README.md, "Recovery". */
export class Refusal extends Error {
  readonly rule: string;

  constructor(rule: string, found: string) {
    super(`${found} (${rule})`);
    this.rule = rule;
  }
}

/** Little-endian fields of some bytes. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  text(at: number, byteCount: number): string {
    return new TextDecoder().decode(this.bytes.subarray(at, at + byteCount));
  }

  slice(at: number, byteCount: number): Uint8Array {
    return this.bytes.slice(at, at + byteCount);
  }
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
