/**
 * Twice the rank of each value among all, from 1 for the least; equal values share the mean of their
 * ranks, which is why all are doubled: they stay whole numbers.
 */
export function doubledMidranks(values: readonly number[]): readonly number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let begin = 0; begin < order.length;) {
    let end = begin + 1;
    while (end < order.length && values[order[end]!] === values[order[begin]!]) end++;
    // Ranks begin + 1 to end, of which the mean is (begin + 1 + end) / 2.
    for (let at = begin; at < end; at++) ranks[order[at]!] = begin + 1 + end;
    begin = end;
  }
  return ranks;
}
