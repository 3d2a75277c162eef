import {
  isAsWished,
  stateOf,
  type CellResult,
  type ReporterOutput,
  type RunEvent,
} from '../../harness/contract/index.ts';
import { stateFormats, type Painter } from './colour.ts';
import { cleanText, formatCount, formatDuration, truncate } from './text-layout.ts';
import { verdictWords } from './verdict-table.ts';

/** More often than this a terminal flickers and the run pays for it. */
const terminalIntervalMs = 250;
/** A log of a build server keeps every line for ever. */
const logIntervalMs = 5000;
const clearLine = '\r\u001b[2K';

type Progress = Extract<RunEvent, { readonly type: 'progress' }>;

interface PhaseStart {
  readonly phase: Progress['phase'];
  readonly done: number;
  readonly atMs: number;
}

/**
 * Says how far a run is: one line that rewrites itself on a terminal, a plain line now and then
 * elsewhere. It has no timer, so that it can neither keep a process alive nor disturb a measurement.
 */
export class ProgressLine {
  readonly #output: ReporterOutput;
  readonly #painter: Painter;
  readonly #columns: number;
  readonly #titles = new Map<string, string>();
  readonly #phases = new Map<string, PhaseStart>();
  #planned = 0;
  #finished = 0;
  #shownAtMs: number;
  #isShown = false;

  constructor(output: ReporterOutput, painter: Painter, columns: number) {
    this.#output = output;
    this.#painter = painter;
    this.#columns = columns;
    this.#shownAtMs = output.isTerminal ? -Infinity : performance.now();
  }

  onEvent(event: RunEvent): void {
    switch (event.type) {
      case 'run-started':
        this.#planned = event.cells.length;
        return;
      case 'cell-started':
        this.#titles.set(event.cell, cleanText(event.scenario.name));
        return;
      case 'progress':
        this.#onProgress(event);
        return;
      case 'note':
        this.#onNote(event.text);
        return;
      case 'cell-finished':
        this.#onCellFinished(event.result);
        return;
      case 'run-finished':
        this.clear();
        return;
      case 'fault-fired':
        return;
    }
  }

  clear(): void {
    if (this.#isShown) this.#output.print(clearLine);
    this.#isShown = false;
  }

  #onProgress(event: Progress): void {
    const nowMs = performance.now();
    let start = this.#phases.get(event.cell);
    if (start?.phase !== event.phase) {
      start = { phase: event.phase, done: event.done, atMs: nowMs };
      this.#phases.set(event.cell, start);
    }
    if (!this.#isDue(nowMs)) return;
    this.#show(this.#describe(event, start, nowMs));
  }

  #onNote(text: string): void {
    if (!this.#isDue(performance.now())) return;
    this.#show(`[${this.#finished + 1}/${this.#planned}] ${cleanText(text)}`);
  }

  /** Notes the time where it is. */
  #isDue(nowMs: number): boolean {
    const intervalMs = this.#output.isTerminal ? terminalIntervalMs : logIntervalMs;
    if (nowMs - this.#shownAtMs < intervalMs) return false;
    this.#shownAtMs = nowMs;
    return true;
  }

  #show(text: string): void {
    // The last column stays free: a full line makes some terminals scroll.
    const line = truncate(text, this.#columns - 1);
    this.#output.print(this.#output.isTerminal ? `${clearLine}${line}` : `${line}\n`);
    this.#isShown = this.#output.isTerminal;
  }

  #describe(event: Progress, start: PhaseStart, nowMs: number): string {
    const title = this.#titles.get(event.cell) ?? cleanText(event.cell);
    const place = `[${this.#finished + 1}/${this.#planned}] ${title}`;
    const count = `${event.phase} ${formatCount(event.done)}/${formatCount(event.total)}`;
    return [place, count, ...describePace(event, start, nowMs)].join('  ');
  }

  /** On a terminal the table follows soon enough; only what needs a look is said at once. */
  #onCellFinished(cell: CellResult): void {
    this.#finished++;
    this.#phases.delete(cell.id);
    const state = stateOf(cell);
    if (this.#output.isTerminal && isAsWished(state)) return;
    this.clear();
    const verdict = this.#painter.paint(stateFormats[state], verdictWords(cell));
    const place = cleanText(cell.scenario.name);
    const count = `[${this.#finished}/${this.#planned}]`;
    this.#output.print(`${count} ${verdict}  ${place}  ${formatDuration(cell.tookMs)}\n`);
  }
}

/** Nothing for the first moment: a rate over a few milliseconds is noise. */
function describePace(event: Progress, start: PhaseStart, nowMs: number): readonly string[] {
  const elapsedMs = nowMs - start.atMs;
  const done = event.done - start.done;
  if (elapsedMs < terminalIntervalMs || done <= 0) return [];
  const perMs = done / elapsedMs;
  const leftMs = Math.max(0, event.total - event.done) / perMs;
  return [`${formatCount(Math.round(perMs * 1000))}/s`, `${formatDuration(leftMs)} left`];
}
