import { z } from 'zod';
import {
  HarnessError,
  deviceNumbers,
  geometriesOf,
  type EngineArea,
  type FaultedDevice,
  type FaultLayer,
  type FaultModule,
  type FileSystemAdapter,
  type OptionSchema,
  type PluginKind,
  type PluginRef,
  type RigName,
  type Scenario,
  type Verifier,
  type Workload,
} from '../contract/index.ts';
import { isFlashPossible } from '../measure/write-levels/simulated-flash.ts';
import { fileOpKinds } from '../run/files/blocks-as-files.ts';
import {
  fittedWorkload,
  isFileScenario,
  type AnyReadyScenario,
  type ReadyFault,
  type ReadyFileScenario,
  type ReadyScenario,
} from '../run/plugin-sources.ts';
import { loadPlugin, type ConfiguredPlugin, type LoadedPlugin } from './load-plugin.ts';
import { suggestion } from './nearest-name.ts';
import { isPluginPath } from './plugin-location.ts';
import type { PluginOfKind } from './plugin-shape.ts';
import { withItsJob } from './scenario-job.ts';
import { scenarioSchema, toScenario } from './scenario-schema.ts';
import type { ScenarioPath, ScenarioProblem, ScenarioSource } from './scenario-source.ts';
import { issuesOf, schemaProblems } from './schema-problems.ts';

/**
 * Checks scenarios and loads what they name. Everything that is wrong with any of them is collected
 * before it throws one HarnessError CONFIG_INVALID with a line for each.
 */
export async function loadScenarios(
  sources: readonly ScenarioSource[],
  readProblems: readonly ScenarioProblem[] = [],
): Promise<readonly AnyReadyScenario[]> {
  const problems = [...readProblems];
  const loaded: AnyReadyScenario[] = [];
  for (const source of sources) {
    const found: ScenarioProblem[] = [];
    const scenario = await loadScenario(source, found);
    if (scenario !== undefined) loaded.push(scenario);
    problems.push(...inFileOrder(found));
  }
  problems.push(...repeatedNames(loaded.map(({ scenario }) => scenario.name)));
  if (problems.length > 0) throw new HarnessError('CONFIG_INVALID', problems.join('\n'));
  return loaded;
}

async function loadScenario(
  written: ScenarioSource,
  problems: ScenarioProblem[],
): Promise<AnyReadyScenario | undefined> {
  const source = withItsJob(written, problems);
  if (source === undefined) return undefined;
  const loader = new ScenarioLoader(source, problems);
  const parsed = scenarioSchema.safeParse(source.raw);
  if (parsed.success) return loader.load(toScenario(parsed.data));
  problems.push(...schemaProblems(issuesOf(parsed.error) ?? [], scenarioSchema, source, []));
  await loader.checkPlugins(source.raw);
  return undefined;
}

/** Loads the plug-ins of one scenario and goes on after a problem, to find the others. */
class ScenarioLoader {
  readonly #source: ScenarioSource;
  readonly #problems: ScenarioProblem[];

  constructor(source: ScenarioSource, problems: ScenarioProblem[]) {
    this.#source = source;
    this.#problems = problems;
  }

  async load(scenario: Scenario): Promise<AnyReadyScenario | undefined> {
    const engine = await this.#configured('engine', scenario.engine, ['engine']);
    const workload = await this.#configured('workload', scenario.workload, ['workload']);
    const faults = await Promise.all(
      scenario.faults.map((ref, index) => this.#configured('fault', ref, ['faults', index])),
    );
    const verifiers = await Promise.all(
      scenario.verifiers.map((use, index) => this.#plugin('verifier', use, ['verifiers', index])),
    );
    if (engine === undefined || workload === undefined) return undefined;
    if (!faults.every(isDefined) || !verifiers.every(isDefined)) return undefined;
    if (!this.#mediaAgree(engine.plugin, workload.plugin)) return undefined;
    const ready = readyScenario(scenario, { engine, workload, faults, verifiers });
    return this.#fits(ready) ? ready : undefined;
  }

  /** Looks at the plug-ins of a scenario that is wrong elsewhere, for the problems alone. */
  async checkPlugins(raw: unknown): Promise<void> {
    const fields = z.looseObject({}).safeParse(raw).data ?? {};
    const refs = [
      { kind: 'engine', raw: fields['engine'], path: ['engine'] },
      { kind: 'workload', raw: fields['workload'], path: ['workload'] },
      ...(z.array(z.unknown()).safeParse(fields['faults']).data ?? []).map(
        (fault, index) => ({ kind: 'fault', raw: fault, path: ['faults', index] }) as const,
      ),
    ] as const;
    for (const ref of refs) {
      const readable = pluginRef.safeParse(ref.raw);
      if (readable.success) await this.#configured(ref.kind, readable.data, ref.path);
    }
  }

  async #configured<K extends 'engine' | 'workload' | 'fault'>(
    kind: K,
    ref: PluginRef,
    path: ScenarioPath,
  ): Promise<ConfiguredPlugin<PluginOfKind[K]> | undefined> {
    const loaded = await this.#plugin(kind, ref.use, [...path, 'use']);
    if (loaded === undefined) return undefined;
    const schema: OptionSchema<unknown> = loaded.plugin.options;
    try {
      return { ...loaded, options: schema.parse(ref.with ?? {}) };
    } catch (error) {
      this.#optionProblems(error, schema, [...path, 'with']);
      return undefined;
    }
  }

  async #plugin<K extends PluginKind>(
    kind: K,
    use: string,
    path: ScenarioPath,
  ): Promise<LoadedPlugin<PluginOfKind[K]> | undefined> {
    try {
      return await loadPlugin(kind, use, this.#source.directory);
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      this.#report(path, error.message);
      return undefined;
    }
  }

  #optionProblems(error: unknown, schema: unknown, path: ScenarioPath): void {
    const issues = issuesOf(error);
    if (issues !== undefined) {
      this.#problems.push(...schemaProblems(issues, schema, this.#source, path));
      return;
    }
    // A schema that breaks the agreement and throws without issues still says something.
    this.#report(path, error instanceof Error ? error.message : String(error));
  }

  /** What each part allows on its own may still not go together. */
  #fits(ready: AnyReadyScenario): boolean {
    const before = this.#problems.length;
    if (isFileScenario(ready)) this.#checkFileScenario(ready);
    else this.#checkBlockScenario(ready);
    this.#checkLayers(ready);
    this.#checkRanges(ready);
    this.#checkFlash(ready);
    return this.#problems.length === before;
  }

  #checkFlash({ scenario }: AnyReadyScenario): void {
    const { rig, flash } = scenario;
    if (flash === undefined) return;
    if (rig !== 'sim') {
      this.#report(['flash'], `flash is modelled on rig sim only, expected no flash on rig ${rig}`);
    }
    const { main, data } = geometriesOf(scenario);
    const isPossible = [main, data ?? main].every((drive) => isFlashPossible(drive, flash));
    if (isPossible) return;
    this.#report(
      ['flash', 'overProvisioning'],
      `${flash.overProvisioning} of this drive is less than 16 pages of ${flash.pageBytes} bytes, ` +
        'expected more, or a larger device.capacityBlocks',
    );
  }

  #checkBlockScenario(ready: ReadyScenario): void {
    this.#checkOps(ready);
    const isFit = this.#checkDevices(ready);
    if (isFit) this.#checkAreas(ready);
  }

  #checkFileScenario({ scenario, engine, engineConfig }: ReadyFileScenario): void {
    if (scenario.rig === 'sim') {
      this.#report(
        ['rig'],
        `engine "${engine.name}" is a file system of the kernel, which rig sim does not have, ` +
          'expected rig fuse, vm or device',
      );
    }
    if (scenario.dataDevice !== undefined) {
      this.#report(
        ['dataDevice'],
        `engine "${engine.name}" keeps everything on one device, expected no dataDevice`,
      );
    }
    for (const [index, { at }] of scenario.faults.entries()) {
      if (!('atArea' in at)) continue;
      this.#report(
        ['faults', index, 'at', 'area'],
        `unknown area "${at.atArea}" of engine "${engine.name}", which names none`,
      );
    }
    for (const name of scenario.verifiers) {
      this.#report(['verifiers'], `verifier "${name}" judges blocks, expected none for files`);
    }
    const { capacityBlocks, logicalBlockBytes } = scenario.device;
    const { minimumBytes } = engine.recipeFor(engineConfig, scenario.device);
    if (capacityBlocks * logicalBlockBytes >= minimumBytes) return;
    this.#report(
      ['device', 'capacityBlocks'],
      `${capacityBlocks} blocks of ${logicalBlockBytes} bytes are too few for ` +
        `engine "${engine.name}", expected at least ${Math.ceil(minimumBytes / logicalBlockBytes)}`,
    );
  }

  /** A file system takes both kinds of workload, and an engine of blocks only its own. */
  #mediaAgree(engine: PluginOfKind['engine'], workload: PluginOfKind['workload']): boolean {
    if ('medium' in engine) return 'medium' in workload || this.#fitsAFile(engine, workload);
    if (!('medium' in workload)) return true;
    this.#report(
      ['workload'],
      `workload "${workload.name}" is of files, and engine "${engine.name}" is of blocks, ` +
        'expected a workload of blocks (powercut list workloads)',
    );
    return false;
  }

  #fitsAFile(engine: FileSystemAdapter, { name, requires }: Workload): boolean {
    const missing = requires.filter((kind) => !fileOpKinds.includes(kind));
    if (missing.length === 0) return true;
    this.#report(
      ['workload'],
      `workload "${name}" needs ${missing.join(', ')}, which a file on "${engine.name}" ` +
        `does not do (it does ${fileOpKinds.join(', ')})`,
    );
    return false;
  }

  #checkOps({ engine, workload }: ReadyScenario): void {
    const supported = engine.supports.ops;
    const missing = workload.requires.filter((kind) => !supported.includes(kind));
    if (missing.length === 0) return;
    this.#report(
      ['workload'],
      `workload "${workload.name}" needs ${missing.join(', ')}, ` +
        `which engine "${engine.name}" does not do (it does ${supported.join(', ')})`,
    );
  }

  #checkAreas(ready: ReadyScenario): void {
    const { scenario, engine, faults } = ready;
    const areas = this.#areasOf(ready);
    if (areas === undefined) return;
    const names = areas.map(({ name }) => name);
    for (const [index, { at, device }] of scenario.faults.entries()) {
      if (!('atArea' in at)) continue;
      const { atArea } = at;
      if (!names.includes(atArea)) {
        const expected = names.length === 0 ? 'none: the engine names no areas' : names.join(', ');
        this.#report(
          ['faults', index, 'at', 'area'],
          `unknown area "${atArea}" of engine "${engine.name}", ` +
            `expected one of ${expected}${suggestion(atArea, names)}`,
        );
      } else if (!isCut(faults[index]) && !liesOn(areas, atArea, device)) {
        this.#report(
          ['faults', index, 'device'],
          `fault "${faults[index]!.module.name}" acts on the ${device!} device, and the area ` +
            `"${atArea}" does not lie there, expected the device of the area`,
        );
      }
    }
  }

  /** False where the areas cannot be asked for. */
  #checkDevices({ scenario, engine, faults }: ReadyScenario): boolean {
    const { dataDevice } = scenario;
    const isFit = dataDevice === undefined || engine.supports.dataDevice;
    if (!isFit) {
      this.#report(
        ['dataDevice'],
        `engine "${engine.name}" keeps everything on one device, expected no dataDevice`,
      );
    }
    for (const [index, fault] of faults.entries()) {
      const problem = deviceProblem(fault, dataDevice !== undefined);
      if (problem === undefined) continue;
      this.#report(['faults', index, 'device'], `fault "${fault.module.name}" ${problem}`);
    }
    return isFit;
  }

  #areasOf({ scenario, engine, engineConfig }: ReadyScenario): readonly EngineArea[] | undefined {
    try {
      return engine.areasOf(engineConfig, geometriesOf(scenario));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#report(['engine', 'with'], `engine "${engine.name}" does not fit: ${message}`);
      return undefined;
    }
  }

  #checkLayers({ scenario, faults }: AnyReadyScenario): void {
    const layers = layersOf[scenario.rig];
    for (const [index, { module }] of faults.entries()) {
      if (layers.includes(module.layer)) continue;
      this.#report(
        ['faults', index, 'use'],
        `fault "${module.name}" acts on the ${module.layer}, which rig ${scenario.rig} does not ` +
          `offer, expected a fault of the ${layers.join(' or ')}`,
      );
    }
  }

  #checkRanges({ scenario }: AnyReadyScenario): void {
    for (const [index, { at, within, device }] of scenario.faults.entries()) {
      const { capacityBlocks, logicalBlockBytes } =
        device === 'data' ? (scenario.dataDevice ?? scenario.device) : scenario.device;
      const capacityBytes = capacityBlocks * logicalBlockBytes;
      const moment = 'atBytes' in at ? at.atBytes : undefined;
      const ranges = [
        { range: moment, path: ['faults', index, 'at', 'bytes'] },
        { range: within, path: ['faults', index, 'within'] },
      ];
      for (const { range, path } of ranges) {
        if (range === undefined || range.byteOffset + range.byteCount <= capacityBytes) continue;
        this.#report(
          path,
          `bytes ${range.byteOffset} to ${range.byteOffset + range.byteCount} are not on the ` +
            `device, expected at most ${capacityBytes}`,
        );
      }
    }
  }

  #report(path: ScenarioPath, message: string): void {
    this.#problems.push(`${this.#source.place(path, 'value')}: ${message}`);
  }
}

/** What is wrong with the device that a fault is to act on. */
function deviceProblem(fault: ReadyFault, hasData: boolean): string | undefined {
  const { device } = fault.spec;
  if (device === undefined) return undefined;
  if (fault.module.layer !== 'drive') return 'acts on no device, expected none to be named';
  if (device === 'data' && !hasData) {
    return 'acts on the data device, and the scenario has none, expected main or a dataDevice';
  }
  if (device === 'both' && !isCut(fault)) {
    return 'acts on one device at a time, expected main or data';
  }
  return undefined;
}

function isCut(fault: ReadyFault | undefined): boolean {
  return fault?.module.faultClass === 'power-loss';
}

function liesOn(
  areas: readonly EngineArea[],
  name: string,
  device: FaultedDevice | undefined,
): boolean {
  if (device === undefined || device === 'both') return true;
  return areas.some((area) => area.name === name && area.device === deviceNumbers[device]);
}

const layersOf: Readonly<Record<RigName, readonly FaultLayer[]>> = {
  sim: ['drive'],
  fuse: ['drive'],
  device: ['process', 'device-mapper'],
  vm: ['process', 'device-mapper', 'machine'],
};

interface ScenarioPlugins {
  readonly engine: ConfiguredPlugin<PluginOfKind['engine']>;
  readonly workload: ConfiguredPlugin<PluginOfKind['workload']>;
  readonly faults: readonly ConfiguredPlugin<FaultModule>[];
  readonly verifiers: readonly LoadedPlugin<Verifier>[];
}

function readyScenario(scenario: Scenario, plugins: ScenarioPlugins): AnyReadyScenario {
  const { engine, workload, faults, verifiers } = plugins;
  const located = withUrls(scenario, plugins);
  return {
    scenario: located,
    sources: {
      engine: engine.url,
      workload: workload.url,
      faults: faults.map(({ url }) => url),
      verifiers: verifiers.map(({ url }) => url),
    },
    engine: engine.plugin,
    engineConfig: engine.options,
    workload: fittedWorkload(engine.plugin, workload.plugin),
    workloadOptions: workload.options,
    faults: faults.map(({ plugin, options }, index) => ({
      module: plugin,
      options,
      spec: located.faults[index]!,
    })),
    verifiers: verifiers.map(({ plugin }) => plugin),
  } as AnyReadyScenario;
}

/**
 * A path means something else in another directory, so the scenario that is kept names the module by
 * its URL. Built-in names and packages stay as they are.
 */
function withUrls(scenario: Scenario, plugins: ScenarioPlugins): Scenario {
  const { engine, workload, faults, verifiers } = plugins;
  return {
    ...scenario,
    engine: withUrl(scenario.engine, engine.url),
    workload: withUrl(scenario.workload, workload.url),
    faults: scenario.faults.map((ref, index) => withUrl(ref, faults[index]!.url)),
    verifiers: scenario.verifiers.map((use, index) =>
      isPluginPath(use) ? verifiers[index]!.url : use,
    ),
  };
}

function withUrl<Ref extends PluginRef>(ref: Ref, url: string): Ref {
  return isPluginPath(ref.use) ? { ...ref, use: url } : ref;
}

/** What of a plug-in's place can be read although other fields of it are wrong. */
const pluginRef = z.preprocess(
  (value) => (typeof value === 'string' ? { use: value } : value),
  z.object({ use: z.string().min(1), with: z.unknown().optional() }),
);

/** By line and column, as a reader of the file meets them. */
function inFileOrder(problems: readonly ScenarioProblem[]): ScenarioProblem[] {
  const placeOf = (problem: ScenarioProblem): number => {
    const [, line = '0', column = '0'] = /^[^\s]*:(\d+):(\d+): /.exec(problem) ?? [];
    return Number(line) * 1e6 + Number(column);
  };
  return [...problems].sort((one, other) => placeOf(one) - placeOf(other));
}

function repeatedNames(names: readonly string[]): ScenarioProblem[] {
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...repeated].map((name) => `scenario name "${name}" is used twice, expected it once`);
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
