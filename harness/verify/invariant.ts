/**
 * What the workload itself says of the recovered values: the bank's conserved sum, for one. It rests
 * on later operations having been computed from earlier ones that had settled, so it is judged only
 * where the contract keeps those (acknowledged is durable, or survival has no holes), and only where
 * every block could be read.
 */
import { pluginApiVersion, type Evidence, type Verifier } from '../contract/index.ts';

export const invariant: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'invariant',
  summary: "the workload's own invariant holds over the recovered values",
  verify(evidence) {
    const { invariantBroken, window } = evidence;
    if (invariantBroken === undefined || !canBeJudged(evidence)) return [];
    return [
      {
        kind: 'invariant',
        place: { kind: 'volume' },
        ops: [],
        expected: 'the invariant of the workload holds',
        found: invariantBroken,
        position: window.last,
      },
    ];
  },
};

function canBeJudged({ contract, recovered }: Evidence): boolean {
  if (!recovered.opened) return false;
  if (contract.durableWhen === 'flushed' && contract.ordering === 'none') return false;
  return ![...recovered.damage.values()].some(({ kind }) => kind === 'unreadable');
}
