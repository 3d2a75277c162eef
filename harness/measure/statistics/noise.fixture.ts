import type { Random } from '../../contract/index.ts';

/** Noise as machines make it, from a seed. */
export interface Noise {
  uniform(): number;
  normal(): number;
  /** Symmetric, with outliers: a Laplace distribution. */
  heavyTailed(): number;
}

export function createNoise(random: Random): Noise {
  const uniform = (): number => (random.uint32() + 0.5) / 2 ** 32;
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    heavyTailed: () => Math.log(uniform() / uniform()),
  };
}
