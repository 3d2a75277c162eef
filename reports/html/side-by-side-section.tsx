import type { ComponentChildren, VNode } from 'preact';
import { kindsIn, nounFor, stateOf, type CellResult } from '../../harness/contract/index.ts';
import { describeFacts, factTitle } from './engine-facts.ts';
import { formatBytes, formatCount, formatRatio } from './number-format.ts';
import { promiseWords } from './promise-words.ts';
import { comparisonsOf, type Comparison, type SetUp } from './side-by-side.ts';
import { anchorOf, StateMark } from './state-mark.tsx';
import { engineRatio } from './write-amplification-figure.tsx';

type Cells = readonly CellResult[];

/** The same crashes under different set-ups of an engine: what each lost, and what each cost. */
export function SideBySideSection({ cells }: { readonly cells: Cells }): VNode {
  const comparisons = comparisonsOf(cells);
  if (comparisons.length === 0) {
    return (
      <p class="empty">
        No two cells of this run differ in nothing but how the engine is set up, so no two can be
        compared.
      </p>
    );
  }
  return (
    <>
      {comparisons.map((comparison, index) => (
        <ComparisonTable key={index} comparison={comparison} cells={cells} />
      ))}
    </>
  );
}

function ComparisonTable(props: { readonly comparison: Comparison; readonly cells: Cells }): VNode {
  const { title, differsIn, setUps } = props.comparison;
  return (
    <>
      <h3>{title}</h3>
      <p class="soft">
        {describeQuestion(setUps[0]!.cell)} The set-ups differ in {differsIn.join(', ')} alone.
      </p>
      <div class="scroll">
        <table class="side-by-side">
          <caption class="hidden">{`${title}, by ${differsIn.join(', ')}`}</caption>
          <thead>
            <tr>
              <th scope="col">{differsIn.join(', ')}</th>
              {setUps.map(({ title: name }, index) => (
                <th key={index} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rowsOf(props.comparison, props.cells).map(({ name, values, isPart }, index) => (
              <tr key={index} class={isPart === true ? 'part' : undefined}>
                <th scope="row">{name}</th>
                {values.map((value, place) => (
                  <td key={place}>{value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function describeQuestion({ scenario }: CellResult): string {
  const { limits, explore, device, dataDevice, seed, rig } = scenario;
  const operations = `${formatCount(limits.ops)} ${nounFor(limits.ops, 'operation')}`;
  const rounds = `${explore.rounds} ${nounFor(explore.rounds, 'round')}`;
  const devices = dataDevice === undefined ? '' : ', data on a device of its own';
  return (
    `Each: ${operations} in each of ${rounds}, at most ${formatCount(explore.states)} crash states, ` +
    `seed ${seed}, on ${rig}, LBA ${device.logicalBlockBytes} B, write cache ${device.writeCache}${devices}.`
  );
}

interface Row {
  readonly name: string;
  readonly values: readonly ComponentChildren[];
  /** Of the row above. */
  readonly isPart?: boolean;
}

function rowsOf({ setUps, differsIn }: Comparison, cells: Cells): readonly Row[] {
  const row = (name: string, valueOf: (cell: CellResult) => ComponentChildren): Row => ({
    name,
    values: setUps.map(({ cell }) => valueOf(cell)),
  });
  return [
    row('verdict', (cell) => (
      <a href={`#${anchorOf(cells, cell)}`}>
        <StateMark state={stateOf(cell)} />
      </a>
    )),
    row('promises', (cell) => (
      <ul class="plain">
        {promiseWords(cell.promisedDurability).map((words) => (
          <li key={words}>{words}</li>
        ))}
      </ul>
    )),
    row('of these faults', ({ promise }) => promise),
    ...factRows(setUps, differsIn),
    row('operations acknowledged', ({ counts }) => formatCount(counts.opsAcknowledged)),
    row('crash images recovered', ({ counts }) => formatCount(counts.imagesRecovered)),
    row('acknowledged writes that crashes took, as allowed', ({ counts }) =>
      overImages(counts.acknowledgedNotDurable, counts),
    ),
    row('stale or foreign blocks that crashes exposed, as allowed', ({ counts }) =>
      overImages(counts.exposedBlocks, counts),
    ),
    row('promises broken', describeBroken),
    row('crash states refused, as allowed', ({ counts }) => formatCount(counts.statesDetected)),
    ...priceRows(setUps, row),
  ];
}

function describeBroken(cell: CellResult): string {
  const { violations } = cell.counts;
  return violations === 0 ? 'none' : `${formatCount(violations)}: ${kindsIn(cell).join(', ')}`;
}

/** What the engine said of itself, where the set-ups say different things beside what names them. */
function factRows(setUps: readonly SetUp[], differsIn: readonly string[]): readonly Row[] {
  const named = new Set(differsIn.map(factTitle));
  const facts = setUps.map(({ cell }) => new Map(describeFacts(cell)));
  const names = [...new Set(facts.flatMap((one) => [...one.keys()]))];
  return names
    .map((name) => ({ name, values: facts.map((one) => one.get(name) ?? '–') }))
    .filter(({ name, values }) => !named.has(name) && new Set(values).size > 1);
}

/** The sum over all crashes, and what one crash took on average. */
function overImages(count: number, { imagesRecovered }: CellResult['counts']): string {
  if (imagesRecovered === 0) return 'no crash was judged';
  if (count === 0) return 'none';
  return `${formatCount(count)}, ${(count / imagesRecovered).toFixed(1)} in each image`;
}

function priceRows(
  setUps: readonly SetUp[],
  row: (name: string, valueOf: (cell: CellResult) => ComponentChildren) => Row,
): readonly Row[] {
  const purposes = purposesOf(setUps);
  return [
    row('bytes written for each byte of the user', ({ writeAmplification: written }) =>
      written === undefined || written.userBytes === 0
        ? notCounted
        : formatRatio(engineRatio(written)),
    ),
    ...purposes.map((purpose) => ({
      ...row(purpose, (cell) => describePurpose(cell, purpose)),
      isPart: true,
    })),
    row('flushes for each acknowledged operation', (cell) => perOperation(cell, 'flushes')),
    row('FUA writes for each acknowledged operation', (cell) => perOperation(cell, 'fuaWrites')),
    row('requests of a recovery, median', ({ recovery }) =>
      recovery === undefined ? 'nothing recovered' : formatCount(recovery.requestsMedian),
    ),
  ];
}

const notCounted = 'not counted';

/** Of any of the set-ups; a purpose that none of them wrote for says nothing. */
function purposesOf(setUps: readonly SetUp[]): readonly string[] {
  const written = setUps.flatMap(({ cell }) =>
    Object.entries(cell.writeAmplification?.engineBytes ?? {}),
  );
  return [...new Set(written.filter(([, bytes]) => bytes > 0).map(([purpose]) => purpose))];
}

function describePurpose({ writeAmplification: written }: CellResult, purpose: string): string {
  if (written === undefined || written.userBytes === 0) return notCounted;
  const bytes = written.engineBytes[purpose];
  if (bytes === undefined) return 'not reported';
  if (bytes === 0) return '0';
  return `${formatRatio(bytes / written.userBytes)} (${formatBytes(bytes)})`;
}

function perOperation(
  { writeAmplification: written, counts }: CellResult,
  kind: 'flushes' | 'fuaWrites',
): string {
  if (written === undefined || counts.opsAcknowledged === 0) return notCounted;
  return `${(written[kind] / counts.opsAcknowledged).toFixed(2)} (${formatCount(written[kind])})`;
}
