/** A key of a test: 32 bytes that count up from `first`. */
export function fixedKey(first: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => first + index);
}
