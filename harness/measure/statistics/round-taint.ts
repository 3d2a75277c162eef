import { gateConstants } from './gate-constants.ts';

/** What else went on while a round was measured; undefined where the machine does not say. */
export interface RoundWeather {
  /** Part of the CPU time that the hypervisor gave to others. */
  readonly stealPart: number | undefined;
  /** Part of the CPU time of all cores that went to other processes. */
  readonly foreignCpuPart: number | undefined;
  /** Time that a fixed piece of work took, in nanoseconds. */
  readonly spinNs: number | undefined;
}

const limits = { steal: 0.01, foreignCpu: 0.05, spin: 0.03 } as const;

/** Why each round is tainted, empty for a clean one. Looks at no result. */
export function taintsOf(rounds: readonly RoundWeather[]): readonly (readonly string[])[] {
  const spins = rounds.flatMap(({ spinNs }) => spinNs ?? []).sort((a, b) => a - b);
  const usualSpin = spins[spins.length >> 1];
  return rounds.map((round) => taintOf(round, usualSpin));
}

/** Rounds that may be used, by index; undefined where so many are tainted that none may be. */
export function cleanRounds(rounds: readonly RoundWeather[]): readonly number[] | undefined {
  const taints = taintsOf(rounds);
  const clean = taints.flatMap((taint, index) => (taint.length === 0 ? [index] : []));
  const tainted = rounds.length - clean.length;
  return tainted > gateConstants.taintedPartMax * rounds.length ? undefined : clean;
}

function taintOf(
  { stealPart, foreignCpuPart, spinNs }: RoundWeather,
  usualSpin: number | undefined,
): readonly string[] {
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const reasons: string[] = [];
  if (stealPart !== undefined && stealPart > limits.steal) {
    reasons.push(`the hypervisor took ${percent(stealPart)} of the CPU time`);
  }
  if (foreignCpuPart !== undefined && foreignCpuPart > limits.foreignCpu) {
    reasons.push(`other processes took ${percent(foreignCpuPart)} of the CPU time`);
  }
  if (spinNs !== undefined && usualSpin !== undefined) {
    const deviation = Math.abs(spinNs / usualSpin - 1);
    if (deviation > limits.spin) {
      reasons.push(`the CPU was ${percent(deviation)} off its usual speed`);
    }
  }
  return reasons;
}
