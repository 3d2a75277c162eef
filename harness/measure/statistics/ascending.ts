import assert from 'node:assert/strict';

export function ascending(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** The middle value, or the mean of the two middle ones, of values in ascending order. */
export function medianOfAscending(values: Float64Array): number {
  assert(values.length > 0, 'a median of nothing');
  const middle = values.length >> 1;
  const upper = values[middle]!;
  return values.length % 2 === 1 ? upper : (values[middle - 1]! + upper) / 2;
}
