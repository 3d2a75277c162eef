import type { Random } from '../contract/index.ts';

/**
 * Spreads a budget over moments that can each use up to their cap: every moment gets the same share,
 * what a small one leaves goes to the others, and what is left at the end goes to moments that chance
 * picks. The sum is the smaller of the budget and the caps.
 */
export function spreadBudget(caps: readonly number[], budget: number, random: Random): number[] {
  const level = levelOf(caps, budget);
  const quotas = caps.map((cap) => Math.min(cap, level));
  let left = budget - quotas.reduce((sum, quota) => sum + quota, 0);
  if (left <= 0 || left === Infinity) return quotas;
  for (const place of shuffled(caps.keys(), random)) {
    if (left === 0) break;
    if (caps[place]! <= level) continue;
    quotas[place]! += 1;
    left -= 1;
  }
  return quotas;
}

/** The highest whole share at which the quotas do not exceed the budget; Infinity if all fits. */
function levelOf(caps: readonly number[], budget: number): number {
  const ascending = caps.toSorted((a, b) => a - b);
  let left = budget;
  for (const [place, cap] of ascending.entries()) {
    const sharers = ascending.length - place;
    if (cap * sharers > left) return Math.floor(left / sharers);
    left -= cap;
  }
  return Infinity;
}

export function shuffled<T>(items: Iterable<T>, random: Random): T[] {
  const order = [...items];
  for (let index = order.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}
