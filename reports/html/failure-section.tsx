import type { VNode } from 'preact';
import {
  faultsOf,
  isAsWished,
  nounFor,
  stateOf,
  type CellResult,
  type Failure,
  type Place,
} from '../../harness/contract/index.ts';
import { Fact } from './cell-list.tsx';
import { HexDiffTable } from './hex-diff-table.tsx';
import { formatCount } from './number-format.ts';
import { ProofTimeline } from './proof-timeline.tsx';
import { anchorOf, StateMark } from './state-mark.tsx';

/** Over all cells; failures.csv has every failure that the run kept. */
const shownMax = 50;
/** Of a cell that was expected to fail, a few show enough. */
const shownOfExpectedMax = 3;

/** What was lost, where, why that is sure, and one command that shows it again. */
export function FailureSection({ cells }: { readonly cells: readonly CellResult[] }): VNode {
  const shown = chooseFailures(cells);
  if (shown.length === 0) return <p class="empty">{explainNone(cells)}</p>;
  return (
    <>
      {shown.map(({ cell, failures }) => (
        <CellFailures
          key={cell.id}
          cell={cell}
          failures={failures}
          anchor={`${anchorOf(cells, cell)}-failures`}
        />
      ))}
    </>
  );
}

/** Nothing found is said together with how much was looked at: unknown is never a pass. */
function explainNone(cells: readonly CellResult[]): string {
  const violations = cells.reduce((sum, cell) => sum + cell.counts.violations, 0);
  const states = cells.reduce((sum, cell) => sum + cell.counts.statesJudged, 0);
  if (violations > 0)
    return `${formatCount(violations)} ${nounFor(violations, 'violation was', 'violations were')} counted, none kept.`;
  if (states === 0) return 'No crash state was judged, so nothing can be said of any promise.';
  return `No violation in the ${formatCount(states)} crash ${nounFor(states, 'state that was', 'states that were')} judged.`;
}

interface Chosen {
  readonly cell: CellResult;
  readonly failures: readonly Failure[];
}

/** Unexpected failures first, and at least one of each cell as far as the limit goes. */
function chooseFailures(cells: readonly CellResult[]): readonly Chosen[] {
  const failing = cells.filter((cell) => cell.failures.length > 0);
  const ordered = [
    ...failing.filter((cell) => !isAsWished(stateOf(cell))),
    ...failing.filter((cell) => isAsWished(stateOf(cell))),
  ];
  let left = shownMax;
  return ordered.flatMap((cell, index) => {
    const reserved = Math.min(ordered.length - index - 1, left);
    const most = isAsWished(stateOf(cell)) ? shownOfExpectedMax : left - reserved;
    const failures = cell.failures.slice(0, Math.max(0, Math.min(most, left)));
    left -= failures.length;
    return failures.length === 0 ? [] : [{ cell, failures }];
  });
}

function CellFailures({ cell, failures, anchor }: Chosen & { readonly anchor: string }): VNode {
  const hidden = cell.counts.violations - failures.length;
  return (
    <section id={anchor} data-state={stateOf(cell)} class="failing">
      <h3>
        <StateMark state={stateOf(cell)} /> {cell.scenario.name}: {cell.engine} under{' '}
        {faultsOf(cell)}, {cell.workload} on {cell.scenario.rig}
      </h3>
      <p class="soft">
        {describeExtent(cell)}. Promised: {cell.promise}.{' '}
        {hidden > 0 && `${formatCount(hidden)} more, see failures.csv.`}
      </p>
      {failures.map((failure, index) => (
        <FailureDetail key={index} failure={failure} isOpen={index === 0} />
      ))}
    </section>
  );
}

function describeExtent({ counts: { violations, statesJudged } }: CellResult): string {
  const states = `${formatCount(statesJudged)} crash ${nounFor(statesJudged, 'state')}`;
  return `${formatCount(violations)} ${nounFor(violations, 'violation')} in ${states}`;
}

function FailureDetail(props: { readonly failure: Failure; readonly isOpen: boolean }): VNode {
  const { failure } = props;
  const { violation } = failure;
  return (
    <details class="failure" open={props.isOpen}>
      <summary>
        <b>{violation.kind}</b> at {describePlace(violation.place)}: expected {violation.expected},
        found {violation.found}
      </summary>
      <dl>
        <Fact name="crash state">
          <code>{failure.state}</code>
        </Fact>
        <Fact name="operations">{violation.ops.join(', ') || 'none'}</Fact>
        <Fact name="ledger position">{violation.position}</Fact>
        {failure.foundStamp !== undefined && (
          <Fact name="found stamp" isWide>
            {describeStamp(failure.foundStamp)}
          </Fact>
        )}
      </dl>
      <p class="command">
        <code data-copy>{failure.reproduce}</code>
      </p>
      <ProofTimeline proof={failure.proof} />
      <HexDiffTable failure={failure} />
    </details>
  );
}

function describeStamp(stamp: NonNullable<Failure['foundStamp']>): string {
  const { block, op, writer, epoch, value, seed } = stamp;
  return `block ${block}, operation ${op}, writer ${writer}, epoch ${epoch}, value ${value}, seed ${seed}`;
}

function describePlace(place: Place): string {
  switch (place.kind) {
    case 'block':
      return `block ${place.block}`;
    case 'log':
      return `log record ${place.index}`;
    case 'path':
      return place.path === '' ? 'the root directory' : place.path;
    case 'volume':
      return 'the volume as a whole';
    case 'recovery':
      return 'recovery';
  }
}
