import {
  faultsOf,
  nounFor,
  stateOf,
  type CellResult,
  type Failure,
  type Place,
  type Proof,
  type ProofStep,
  type RunSummary,
} from '../../harness/contract/index.ts';
import { stateFormats, type Painter } from './colour.ts';
import { cleanText, formatCount, hang, wrapText } from './text-layout.ts';

/** A terminal is for the first few; the run directory has all. */
const shownPerCell = 3;

/** Why each cell that is not a plain pass is what it is, one line or two each. */
export function renderNotes(summary: RunSummary, columns: number): string {
  return summary.cells
    .map((cell) => [cell, noteOn(cell)] as const)
    .filter(([, note]) => note !== undefined)
    .map(([cell, note]) => renderNote(cell, note ?? '', columns))
    .join('');
}

/** The first line begins at the margin, so that one note can be told from the next. */
function renderNote(cell: CellResult, note: string, columns: number): string {
  const text = cleanText(`${cell.scenario.name}: ${note}`);
  return wrapText(text, columns - 4)
    .map((line, index) => `${index === 0 ? '  ' : '    '}${line}\n`)
    .join('');
}

function noteOn(cell: CellResult): string | undefined {
  const state = stateOf(cell);
  const why = cell.expectation.verdict === 'fail' ? cell.expectation.why : '';
  switch (state) {
    case 'pass':
      return allowedNote(cell);
    case 'fail':
      return undefined;
    case 'expected-fail':
      return `fails as expected: ${why}`;
    case 'unexpected-pass':
      return `passed, although a failure was expected: ${why || cell.verdict.reason}`;
    case 'inconclusive':
    case 'error':
    case 'skip':
      return `${state}: ${cell.verdict.reason}`;
  }
}

/** A pass by a weak contract is not to be read as one by a strong one. */
function allowedNote({ counts }: CellResult): string | undefined {
  const { acknowledgedNotDurable: lost, exposedBlocks: exposed, imagesRecovered: images } = counts;
  if (lost + exposed === 0) return undefined;
  const losses = `${formatCount(lost)} ${nounFor(lost, 'loss', 'losses')} of acknowledged writes`;
  const shown = `${formatCount(exposed)} exposed ${nounFor(exposed, 'block')}`;
  const taken = [...(lost > 0 ? [losses] : []), ...(exposed > 0 ? [shown] : [])].join(' and ');
  const over = `over ${formatCount(images)} crash ${nounFor(images, 'image')}`;
  return `passes with ${taken} ${over}: what was not flushed, its contract allows`;
}

/** The broken promises of the cells that were not expected to fail: what, why sure, how to see it. */
export function renderFailures(summary: RunSummary, columns: number, painter: Painter): string {
  return summary.cells
    .filter((cell) => stateOf(cell) === 'fail')
    .map((cell) => `\n${renderCell(cell, columns, painter)}`)
    .join('');
}

function renderCell(cell: CellResult, columns: number, painter: Painter): string {
  const { name, rig } = cell.scenario;
  const place = `${name} (${cell.engine} under ${faultsOf(cell)}, ${cell.workload} on ${rig})`;
  const title = cleanText(`x ${place}: ${cell.verdict.reason}`);
  const shown = cell.failures.slice(0, shownPerCell);
  const hidden = cell.counts.violations - shown.length;
  return [
    `${painter.paint(stateFormats.fail, title)}\n`,
    hang('  promised  ', cell.promise, columns),
    ...shown.map((failure) => renderFailure(failure, columns)),
    hidden > 0 ? `  ${formatCount(hidden)} more in the reports\n` : '',
  ].join('');
}

function renderFailure(failure: Failure, columns: number): string {
  const { violation } = failure;
  const label = `  - ${violation.kind} `;
  return [
    hang(label, `at ${describePlace(violation.place)}, crash state ${failure.state}`, columns),
    hang('    expected  ', violation.expected, columns),
    hang('    found     ', violation.found, columns),
    renderProof(failure.proof, columns),
    // Not wrapped, so that it can be copied whole.
    `    reproduce ${cleanText(failure.reproduce)}\n`,
  ].join('');
}

function renderProof(proof: Proof | undefined, columns: number): string {
  if (proof === undefined) return '    proof     none was recorded\n';
  const steps = proof.steps.map((step) => hang(`${stepLabel(step)}  `, step.text, columns));
  return ['    proof\n', ...steps, hang('      so ', proof.conclusion, columns)].join('');
}

function stepLabel(step: ProofStep): string {
  const seq = step.seq === undefined ? '' : `#${step.seq}`;
  const at = step.atNs === undefined ? '' : `${(step.atNs / 1e6).toFixed(3)} ms`;
  return `      ${seq.padStart(6)} ${at.padStart(12)}`;
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
