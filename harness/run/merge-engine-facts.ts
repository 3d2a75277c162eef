import type { EngineFacts, FactsOfRounds } from '../contract/index.ts';

/** What the engine said of itself over the rounds of a cell; undefined where it never did. */
export function mergeEngineFacts(rounds: readonly EngineFacts[]): FactsOfRounds | undefined {
  if (rounds.length === 0) return undefined;
  const names = [...new Set(rounds.flatMap((facts) => Object.keys(facts)))];
  return Object.fromEntries(
    names.map((name) => [name, [...new Set(rounds.flatMap((facts) => facts[name] ?? []))]]),
  );
}
