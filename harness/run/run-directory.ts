/**
 * Everything a run leaves behind, laid out so that it can be judged again or replayed:
 *
 *     run.json                      what was to be run, and what came of it
 *     events.jsonl                  every RunEvent, in order
 *     cells/<id>/scenario.json      the scenario, complete with its defaults
 *     cells/<id>/round-<n>.history  the drives' history (harness/drive/history-file.ts)
 *     cells/<id>/round-<n>.ledger   the ledger (harness/ledger/ledger-file.ts)
 *     cells/<id>/round-<n>.live.json  what the running engine served at the end of the workload
 *     cells/<id>/kill-<n>.json      rig device: what was read back after a kill
 *     cells/<id>/states.jsonl       every crash state judged: digest, windows, outcome
 *     cells/<id>/verdict.json       the CellResult
 *     cells/<id>/reproducer.yaml    a smaller scenario that fails in the same way, where one was found
 *     SHA256SUMS                    digests of all these (file-digests.ts)
 *
 * Evidence is written before it is judged. Files appear whole or not at all, and nothing is read that
 * is not what was written.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  HarnessError,
  type CellResult,
  type RunEvent,
  type RunSummary,
  type Scenario,
} from '../contract/index.ts';
import { FileDigests } from './file-digests.ts';
import type { PluginSources } from './plugin-sources.ts';
import { writeWholeFile } from './whole-file.ts';

/** `scenario.json`: the scenario and where its plug-ins were loaded from. */
export interface SavedScenario {
  readonly scenario: Scenario;
  readonly sources: PluginSources;
}

/**
 * Where the plug-ins of a saved scenario are now: a run may be judged again on another machine, or in
 * another checkout, where the built-in ones stand elsewhere.
 */
export type LocatePlugins = (saved: SavedScenario) => PluginSources;

export const whereTheyWere: LocatePlugins = (saved) => saved.sources;

export class RunDirectory {
  readonly path: string;
  readonly #digests: FileDigests;

  private constructor(directory: string) {
    this.path = directory;
    this.#digests = new FileDigests(directory);
  }

  /** Makes the directory of a new run; throws CONFIG_INVALID where there is one already. */
  static create(directory: string): RunDirectory {
    if (fs.existsSync(path.join(directory, 'cells'))) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `${directory} holds a run already, expected a directory for a new one`,
      );
    }
    fs.mkdirSync(path.join(directory, 'cells'), { recursive: true });
    pointLatest(directory);
    return new RunDirectory(directory);
  }

  static open(directory: string): RunDirectory {
    if (!fs.existsSync(path.join(directory, 'cells'))) {
      throw new HarnessError(
        'EVIDENCE_DAMAGED',
        `${directory} is no run directory: it has no cells/ (expected the directory that a run printed)`,
      );
    }
    return new RunDirectory(directory);
  }

  appendEvent(event: RunEvent): void {
    fs.appendFileSync(path.join(this.path, 'events.jsonl'), `${JSON.stringify(event)}\n`);
  }

  /** After the last event: from now on the file is vouched for. */
  endEvents(): void {
    this.#digests.record('events.jsonl', fs.readFileSync(path.join(this.path, 'events.jsonl')));
  }

  loadEvents(): readonly RunEvent[] {
    const lines = this.#read('events.jsonl').toString('utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunEvent);
  }

  cellIds(): readonly string[] {
    return fs.readdirSync(path.join(this.path, 'cells')).sort();
  }

  saveScenario(cell: string, saved: SavedScenario): void {
    this.writeFile(path.join('cells', cell, 'scenario.json'), toJson(saved));
  }

  hasScenario(cell: string): boolean {
    return fs.existsSync(path.join(this.path, 'cells', cell, 'scenario.json'));
  }

  loadScenario(cell: string): SavedScenario {
    return this.#readJson(path.join('cells', cell, 'scenario.json')) as SavedScenario;
  }

  saveEvidence(cell: string, name: string, content: Uint8Array | string): void {
    this.writeFile(path.join('cells', cell, name), content);
  }

  loadEvidence(cell: string, name: string): Buffer {
    return this.#read(path.join('cells', cell, name));
  }

  loadJson(cell: string, name: string): unknown {
    return this.#readJson(path.join('cells', cell, name));
  }

  /** Names of the evidence of a cell, without its scenario and its result. */
  evidenceNames(cell: string): readonly string[] {
    const files = fs.readdirSync(path.join(this.path, 'cells', cell)).sort();
    return files.filter((name) => name !== 'scenario.json' && name !== 'verdict.json');
  }

  hasResult(cell: string): boolean {
    return fs.existsSync(path.join(this.path, 'cells', cell, 'verdict.json'));
  }

  saveResult(result: CellResult): void {
    this.writeFile(path.join('cells', result.id, 'verdict.json'), toJson(result));
  }

  loadResult(cell: string): CellResult {
    return this.#readJson(path.join('cells', cell, 'verdict.json')) as CellResult;
  }

  saveSummary(summary: RunSummary): void {
    this.writeFile('run.json', toJson(summary));
  }

  loadSummary(): RunSummary {
    return this.#readJson('run.json') as RunSummary;
  }

  writeFile(name: string, content: Uint8Array | string): string {
    const target = path.join(this.path, name);
    writeWholeFile(target, content);
    this.#digests.record(name, content);
    return target;
  }

  #read(name: string): Buffer {
    const content = readFile(path.join(this.path, name));
    this.#digests.check(name, content);
    return content;
  }

  #readJson(name: string): unknown {
    const text = this.#read(name).toString('utf8');
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new HarnessError(
        'EVIDENCE_DAMAGED',
        `${path.join(this.path, name)} is no whole JSON file: ${String(error)}`,
        { cause: error },
      );
    }
  }
}

function readFile(file: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new HarnessError('EVIDENCE_DAMAGED', `cannot read ${file}: ${String(error)}`, {
      cause: error,
    });
  }
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Only beside the runs of a `results` folder: a directory chosen by the user has other neighbours. */
function pointLatest(directory: string): void {
  if (path.basename(path.dirname(directory)) !== 'results') return;
  const link = path.join(path.dirname(directory), 'latest');
  const isLink = fs.lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink();
  if (isLink === false) return;
  if (isLink === true) fs.unlinkSync(link);
  fs.symlinkSync(path.basename(directory), link);
}
