import { expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import type { ComparisonVerdict } from './comparison-verdict.ts';
import { gateConstants } from './gate-constants.ts';
import { createNoise, type Noise } from './noise.fixture.ts';
import { compareTimings } from './timing-gate.ts';

/** Two sides in pairs on a machine that drifts, with outliers: the noise measured on two kinds of hosts. */
interface Machine {
  readonly drift: number;
  readonly jitter: number;
  readonly outliers: number;
}

const quiet: Machine = { drift: 0.02, jitter: 0.015, outliers: 0.01 };
const typical: Machine = { drift: 0.08, jitter: 0.05, outliers: 0.05 };

function night(noise: Noise, machine: Machine, slowdown: number): ComparisonVerdict {
  const reference: number[] = [];
  const candidate: number[] = [];
  let drift = 0;
  for (const look of gateConstants.looks) {
    while (reference.length < look) {
      // The candidate runs right after the reference, so the drift between the two is small.
      drift = 0.9 * drift + machine.drift * Math.sqrt(1 - 0.9 ** 2) * noise.normal();
      reference.push(runOf(noise, machine, drift));
      candidate.push(runOf(noise, machine, drift) * (1 - slowdown));
    }
    const { verdict } = compareTimings({
      reference,
      candidate,
      arePaired: true,
      better: 'higher',
      relevantChange: gateConstants.relevantChange.rate,
    });
    if (verdict !== 'inconclusive') return verdict;
  }
  return 'inconclusive';
}

function runOf(noise: Noise, { jitter, outliers }: Machine, drift: number): number {
  const slow = noise.uniform() < outliers ? 0.3 + 0.7 * noise.uniform() : 0;
  return 50_000 * Math.exp(drift + jitter * noise.normal() - slow);
}

function shareOf(
  machine: Machine,
  slowdown: number,
  nights: number,
): (verdict: ComparisonVerdict) => number {
  const noise = createNoise(createRandom(20_263).fork(`night ${slowdown} ${machine.drift}`));
  const verdicts = Array.from({ length: nights }, () => night(noise, machine, slowdown));
  return (wanted) => verdicts.filter((verdict) => verdict === wanted).length / nights;
}

test('the same code against itself is called worse or better in no more than 1 of 100 nights', () => {
  for (const machine of [quiet, typical]) {
    const share = shareOf(machine, 0, 600);
    expect(share('worse')).toBeLessThanOrEqual(0.01);
    expect(share('better')).toBeLessThanOrEqual(0.01);
  }
  const share = shareOf(quiet, 0, 200);
  expect(share('no difference') + share('not worse')).toBeGreaterThan(0.98);
});

test('a slowdown of a tenth is found nearly always, and never called no difference', () => {
  for (const [machine, least] of [
    [quiet, 0.99],
    [typical, 0.9],
  ] as const) {
    const share = shareOf(machine, 0.1, 200);
    expect(share('worse')).toBeGreaterThan(least);
    expect(share('no difference')).toBeLessThanOrEqual(0.01);
    expect(share('better')).toBe(0);
  }
});
