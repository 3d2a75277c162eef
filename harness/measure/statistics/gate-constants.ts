/**
 * What a verdict is held to. With the noise of three kinds of hosts simulated, these call no more than
 * one night in a hundred wrongly, and find a slowdown of a tenth in nearly all of them; repeating runs
 * without interleaving them is wrong in 13 to 17 of a hundred nights at the same level, since the
 * machine drifts.
 */
export const gateConstants = {
  /** A bound is wrong with this probability, all looks taken together. */
  alphaOneSided: 0.01,
  /** Numbers of valid rounds after which the figures are looked at; more rounds follow if need be. */
  looks: [12, 24, 36],
  /** Part of the rounds that may be dropped because the machine was busy. */
  taintedPartMax: 0.3,
  /** Least relevant change, as a part of the value. */
  relevantChange: {
    rate: 0.05,
    p50: 0.05,
    cpu: 0.05,
    p99: 0.1,
    p999: 0.2,
    durableP99: 0.1,
  },
  /** Counters are near-exact: no statistics, but a tolerance. */
  counterTolerance: { exact: 0.005, blockLayer: 0.01 },
  /** Samples behind a percentile, at the least, counted on its thinner side. */
  tailSamplesMin: 100,
  /** A percentile of a histogram is right to this part, so a smaller change cannot be claimed. */
  bucketError: 1 / 128,
  falseDiscoveryRate: 0.05,
} as const;

/** Level of one bound at one look (Bonferroni). */
export const alphaOfLook = gateConstants.alphaOneSided / gateConstants.looks.length;
