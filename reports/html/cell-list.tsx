import type { ComponentChildren, VNode } from 'preact';
import {
  faultsOf,
  stateOf,
  type CellCounts,
  type CellResult,
  type Expectation,
} from '../../harness/contract/index.ts';
import { describeFacts } from './engine-facts.ts';
import { formatBytes, formatCount, formatDurationNs, formatRatio } from './number-format.ts';
import { promiseWords } from './promise-words.ts';
import { anchorOf, StateMark } from './state-mark.tsx';
import { engineRatio } from './write-amplification-figure.tsx';

interface CellListProps {
  readonly cells: readonly CellResult[];
  readonly missing: readonly string[];
}

/** Every cell with what was promised, what was expected and what really came of it. */
export function CellList({ cells, missing }: CellListProps): VNode {
  if (cells.length + missing.length === 0) return <p class="empty">No cell was planned.</p>;
  return (
    <div class="scroll">
      <table class="cells" data-filter="cells">
        <caption class="hidden">Cells of the run</caption>
        <thead>
          <tr>
            <th scope="col">verdict</th>
            <th scope="col">cell</th>
            <th scope="col">promised and expected</th>
            <th scope="col" class="number">
              acked
            </th>
            <th scope="col" class="number">
              states
            </th>
            <th scope="col" class="number">
              broken
            </th>
            <th scope="col" class="number">
              WAF
            </th>
            <th scope="col" class="number">
              took
            </th>
          </tr>
        </thead>
        <tbody>
          {cells.map((cell) => (
            <CellRow key={cell.id} cell={cell} anchor={anchorOf(cells, cell)} />
          ))}
          {missing.map((id) => (
            <tr key={id} data-state="inconclusive">
              <td>
                <span class="state state-inconclusive">? no result</span>
              </td>
              <td>
                <b>{id}</b>
              </td>
              <td colSpan={6}>
                It was planned and left no result. A missing cell is never a pass.
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CellRow({ cell, anchor }: { readonly cell: CellResult; readonly anchor: string }): VNode {
  const { counts, scenario } = cell;
  return (
    <tr id={anchor} data-state={stateOf(cell)}>
      <td>
        <StateMark state={stateOf(cell)} />
      </td>
      <td>
        <b>{scenario.name}</b>
        <div class="soft">
          {cell.engine}, {cell.workload}, {faultsOf(cell)}, on {scenario.rig}
        </div>
        <CellDetails cell={cell} />
      </td>
      <td>
        <div>promised: {cell.promise}</div>
        <div class="soft">expected: {describeExpectation(cell.expectation)}</div>
        <div>{cell.verdict.reason}</div>
        {cell.failures.length > 0 && <a href={`#${anchor}-failures`}>failures with proof</a>}
      </td>
      <td class="number">{formatCount(counts.opsAcknowledged)}</td>
      <td class="number">{formatCount(counts.statesJudged)}</td>
      <td class="number">{formatCount(counts.violations)}</td>
      <td class="number">{describeAmplification(cell)}</td>
      <td class="number">{formatDurationNs(cell.tookMs * 1e6)}</td>
    </tr>
  );
}

/** Bytes the engine submitted per byte of the user: the price beside the verdict. */
function describeAmplification({ writeAmplification }: CellResult): string {
  if (writeAmplification === undefined || writeAmplification.userBytes === 0) return 'not counted';
  return formatRatio(engineRatio(writeAmplification));
}

function describeExpectation(expectation: Expectation): string {
  if (expectation.verdict === 'pass') return 'pass';
  return `fail (${expectation.kinds.join(' or ')}), because ${expectation.why}`;
}

function CellDetails({ cell }: { readonly cell: CellResult }): VNode {
  const { scenario } = cell;
  const device = scenario.device;
  return (
    <details>
      <summary>set-up and counts</summary>
      <dl>
        <Fact name="why">{scenario.because}</Fact>
        <Fact name="seed">{scenario.seed}</Fact>
        <Fact name="engine config">
          <code>{JSON.stringify(scenario.engine.with ?? {})}</code>
        </Fact>
        <Fact name="device">
          {formatBytes(device.capacityBlocks * device.logicalBlockBytes)}, LBA{' '}
          {device.logicalBlockBytes} B, write cache {device.writeCache},{' '}
          {device.supportsFua ? 'FUA' : 'no FUA'}
        </Fact>
        <Fact name="faults fired">{describeFirings(cell)}</Fact>
        {describeFacts(cell).map(([name, value]) => (
          <Fact key={`engine ${name}`} name={`engine: ${name}`}>
            {value}
          </Fact>
        ))}
        <Fact name="promises">{promiseWords(cell.promisedDurability).join('; ')}</Fact>
        {describeCounts(cell.counts).map(([name, count]) => (
          <Fact key={name} name={name}>
            {formatCount(count)}
          </Fact>
        ))}
      </dl>
    </details>
  );
}

export function Fact(props: {
  readonly name: string;
  readonly children: ComponentChildren;
  readonly isWide?: boolean;
}): VNode {
  return (
    <div class={props.isWide === true ? 'wide' : undefined}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

const firingsShown = 5;

function describeFirings(cell: CellResult): string {
  const { firings } = cell;
  if (firings.length === 0) return 'none';
  const shown = firings.slice(0, firingsShown).map((firing) => {
    const area = firing.area === undefined ? '' : ` in ${firing.area}`;
    return `${firing.fault}${area} at ${formatDurationNs(firing.atNs)}`;
  });
  const more = firings.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${formatCount(more)} more` : ''}`;
}

function describeCounts(counts: CellCounts): readonly (readonly [string, number])[] {
  return [
    ['rounds', counts.rounds],
    ['operations invoked', counts.opsInvoked],
    ['acknowledged', counts.opsAcknowledged],
    ['rejected', counts.opsRejected],
    ['indeterminate', counts.opsIndeterminate],
    ['images recovered', counts.imagesRecovered],
    ['crashes in recovery', counts.nestedStates],
    ['refused, as allowed', counts.statesDetected],
    ['acknowledged, not durable, as allowed', counts.acknowledgedNotDurable],
    ['blocks exposed, as allowed', counts.exposedBlocks],
  ];
}
