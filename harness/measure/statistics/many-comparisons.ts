/**
 * Which of many p-values stand, with a share of at most `rate` of them false on average (Benjamini and
 * Hochberg 1995). For a night's series.
 */
export function falseDiscoveryStands(pValues: readonly number[], rate: number): readonly boolean[] {
  const order = ascendingOrder(pValues);
  let standing = 0;
  for (const [at, index] of order.entries()) {
    if (pValues[index]! <= ((at + 1) / pValues.length) * rate) standing = at + 1;
  }
  return marked(pValues.length, order.slice(0, standing));
}

/** The same with a probability of at most `alpha` that any of them is false (Holm 1979). For a gate. */
export function familywiseStands(pValues: readonly number[], alpha: number): readonly boolean[] {
  const order = ascendingOrder(pValues);
  const failing = order.findIndex((index, at) => pValues[index]! > alpha / (pValues.length - at));
  return marked(pValues.length, failing === -1 ? order : order.slice(0, failing));
}

function ascendingOrder(values: readonly number[]): readonly number[] {
  return values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
}

function marked(count: number, indexes: readonly number[]): readonly boolean[] {
  const marks = new Array<boolean>(count).fill(false);
  for (const index of indexes) marks[index] = true;
  return marks;
}
