/**
 * `worse` and `better` are claims; `no difference` says that the whole interval lies inside the least
 * relevant change, and `not worse` that only its bad end does. `inconclusive` says that the figures do
 * not decide, `invalid` that they must not be looked at. Neither of the two is ever taken for a pass.
 */
export type ComparisonVerdict =
  'worse' | 'better' | 'no difference' | 'not worse' | 'inconclusive' | 'invalid';

/** Which way a metric is better. */
export type Better = 'higher' | 'lower';
