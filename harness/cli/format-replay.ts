import type { Violation } from '../contract/index.ts';
import type { Replay } from '../run/replay-state.ts';

/** What `powercut replay` prints: the state, what the engine made of it, and what is wrong with it. */
export function formatReplay({ cell, judged, failures }: Replay): string {
  const windows = judged.windows.map(({ first, last }) => `${first} to ${last}`).join(', ');
  const lines = [
    `crash state ${cell}:${judged.id}, digest ${judged.digest}`,
    `legal at ledger positions ${windows}`,
    `recovery took ${judged.recoveryRequests} device requests: ${judged.outcome}`,
  ];
  for (const { violation, proof } of failures) {
    lines.push('', describeViolation(violation));
    for (const step of proof?.steps ?? []) lines.push(`    ${step.text}`);
    if (proof !== undefined) lines.push(`  ${proof.conclusion}`);
  }
  return `${lines.join('\n')}\n`;
}

function describeViolation({ kind, place, expected, found }: Violation): string {
  const where = place.kind === 'block' ? `block ${place.block}` : place.kind;
  return `${kind} at ${where}\n  expected ${expected}\n  found    ${found}`;
}
