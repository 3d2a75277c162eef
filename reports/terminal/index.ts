import { z } from 'zod';
import {
  verdictSentence,
  type Reporter,
  type ReporterModule,
  type ReporterOutput,
  type RunSummary,
} from '../../harness/contract/index.ts';
import { createPainter, type Painter } from './colour.ts';
import { renderFailures, renderNotes } from './failure-list.ts';
import { ProgressLine } from './progress-line.ts';
import { cleanText, formatDuration, hang } from './text-layout.ts';
import { renderVerdictTable } from './verdict-table.ts';

const options = z.strictObject({
  colour: z.enum(['auto', 'always', 'never']).default('auto'),
  progress: z.boolean().default(true),
  /** The run directory and the names of the files in it, to be said at the end. */
  directory: z.string().optional(),
  files: z.array(z.string()).default([]),
});

type TerminalOptions = z.infer<typeof options>;

const terminalReporter: ReporterModule<TerminalOptions> = {
  kind: 'reporter',
  apiVersion: 1,
  name: 'terminal',
  summary:
    'Progress while the run goes on, then the verdict table and the failures with their proof.',
  options,
  create: (chosen, output) => createTerminalReporter(chosen, output),
};

export default terminalReporter;

/** Where the width is not known (a pipe, a build server), text is laid out for this many columns. */
const columnsDefault = 80;
const columnsMin = 40;

function createTerminalReporter(chosen: TerminalOptions, output: ReporterOutput): Reporter {
  const columns = output.columns >= columnsMin ? output.columns : columnsDefault;
  const painter = createPainter(chosen.colour, output.isTerminal);
  const progress = new ProgressLine(output, painter, columns);
  return {
    onEvent: (event) => {
      if (chosen.progress) progress.onEvent(event);
    },
    onEnd: async (summary) => {
      progress.clear();
      output.print(renderRun(summary, chosen, columns, painter));
    },
  };
}

function renderRun(
  summary: RunSummary,
  chosen: TerminalOptions,
  columns: number,
  painter: Painter,
): string {
  const isPass = summary.verdict.status === 'pass';
  const sentence = hang('', verdictSentence(summary), columns).trimEnd();
  const blocks = [
    summary.expectedCells.length + summary.cells.length === 0
      ? ''
      : renderVerdictTable(summary, columns, painter),
    renderNotes(summary, columns),
    renderFailures(summary, columns, painter).trimStart(),
    `${painter.paint(isPass ? ['bold', 'blue'] : ['bold', 'yellow'], sentence)}\n`,
    renderFooter(summary, chosen, columns),
  ];
  return `\n${blocks.filter((block) => block !== '').join('\n')}`;
}

function renderFooter(summary: RunSummary, chosen: TerminalOptions, columns: number): string {
  const took = `took ${formatDuration(summary.tookMs)}, seed ${summary.seed}`;
  if (chosen.directory === undefined) return hang('', took, columns);
  const directory = cleanText(chosen.directory).replace(/\/$/, '');
  const paths = chosen.files.map((file) => `  ${directory}/${cleanText(file)}\n`);
  return `${hang('', `${took}; files in ${directory}`, columns)}${paths.join('')}`;
}
