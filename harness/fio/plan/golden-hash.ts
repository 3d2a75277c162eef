/**
 * fio spreads the ranks of a skewed distribution over a region by multiplying them with
 * 2^64 / golden ratio (0x61c8864680b583eb, the constant of Linux' hash_64) modulo 2^64, and taking the
 * rest of the division by the number of blocks. Where that number is no power of two, ranks collide:
 * part of what makes fio's histogram, so it is kept.
 */
const factorHigh = 0x61c88646;
const factorLow = 0x80b583eb;
const two32 = 2 ** 32;

/** `(value * factor mod 2^64) mod blockCount`, for whole numbers below 2^53. */
export function goldenHash(value: number, blockCount: number): number {
  const valueLow = value >>> 0;
  const valueHigh = Math.floor(value / two32) >>> 0;
  // The product of the low halves in 64 bits, from four products of 16 by 32 bits that stay exact.
  const lowByHigh16 = factorLow * (valueLow >>> 16);
  const lowByLow16 = factorLow * (valueLow & 0xffff);
  const middle = Math.floor(lowByLow16 / 65_536) + lowByHigh16;
  const low = (((middle & 0xffff) << 16) | (lowByLow16 & 0xffff)) >>> 0;
  const carry = Math.floor(middle / 65_536) >>> 0;
  const high = (carry + Math.imul(factorHigh, valueLow) + Math.imul(factorLow, valueHigh)) >>> 0;
  return restOf(high, low, blockCount);
}

/**
 * `(high * 2^32 + low) mod divisor`, exact for every divisor up to 2^37: in steps of 16 bits, which
 * keep every number below 2^53.
 */
function restOf(high: number, low: number, divisor: number): number {
  if (divisor <= two32 && (divisor & (divisor - 1)) === 0) return (low & (divisor - 1)) >>> 0;
  const first = modulo(high, divisor);
  const second = modulo(first * 65_536 + (low >>> 16), divisor);
  return modulo(second * 65_536 + (low & 0xffff), divisor);
}

/** As `%`, which is several times slower for numbers above 2^31. */
function modulo(value: number, divisor: number): number {
  const rest = value - Math.floor(value / divisor) * divisor;
  if (rest < 0) return rest + divisor;
  return rest >= divisor ? rest - divisor : rest;
}
