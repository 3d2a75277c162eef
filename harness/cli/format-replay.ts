import type { Violation } from '../contract/index.ts';
import type { Replay } from '../run/replay-state.ts';

/** What `powercut replay` prints: the state, what the engine made of it, and what is wrong with it. */
export function formatReplay({ cell, judged, failures }: Replay): string {
  const windows = judged.windows.map(({ first, last }) => `${first} to ${last}`).join(', ');
  const lines = [
    `crash state ${cell}:${judged.id}, digest ${judged.digest}`,
    `legal at ledger positions ${windows}`,
    `recovery${describeRequests(judged)}: ${judged.outcome}`,
  ];
  for (const { violation, proof } of failures) {
    lines.push('', describeViolation(violation));
    for (const step of proof?.steps ?? []) lines.push(`    ${step.text}`);
    if (proof !== undefined) lines.push(`  ${proof.conclusion}`);
  }
  return `${lines.join('\n')}\n`;
}

/** What a kernel did to recover is not counted. */
function describeRequests({ recoveryRequests }: Replay['judged']): string {
  return recoveryRequests === undefined ? '' : ` took ${recoveryRequests} device requests`;
}

function describePlace(place: Violation['place']): string {
  if (place.kind === 'block') return `block ${place.block}`;
  return place.kind === 'path' ? place.path || 'the root directory' : place.kind;
}

function describeViolation({ kind, place, expected, found }: Violation): string {
  const where = describePlace(place);
  return `${kind} at ${where}\n  expected ${expected}\n  found    ${found}`;
}
