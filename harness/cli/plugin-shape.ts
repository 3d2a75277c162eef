import {
  faultClasses,
  pluginApiVersion,
  type EngineAdapter,
  type FaultLayer,
  type FaultModule,
  type FileSystemAdapter,
  type FileWorkload,
  type PluginKind,
  type ReporterModule,
  type Verifier,
  type Workload,
} from '../contract/index.ts';

const faultLayers: readonly FaultLayer[] = ['drive', 'process', 'device-mapper', 'machine'];

/** The interface behind each kind of plug-in. */
export interface PluginOfKind {
  readonly engine: EngineAdapter | FileSystemAdapter;
  readonly workload: Workload | FileWorkload;
  readonly fault: FaultModule;
  readonly verifier: Verifier;
  readonly reporter: ReporterModule;
}

const methods: Readonly<Record<PluginKind, readonly string[]>> = {
  engine: ['contractFor', 'areasOf', 'probe', 'format', 'open'],
  workload: ['start'],
  fault: ['probe', 'arm'],
  verifier: ['verify'],
  reporter: ['create'],
};

/**
 * What is wrong with a module's default export as a plug-in of this kind; empty when it is one. The
 * types of a plug-in from outside were never checked against ours, so its members are, here.
 */
export function shapeProblems(kind: PluginKind, exported: unknown): readonly string[] {
  if (typeof exported !== 'object' || exported === null) {
    return [`its default export is ${describe(exported)}, expected an object of kind "${kind}"`];
  }
  const plugin = exported as Readonly<Record<string, unknown>>;
  if (plugin['kind'] !== kind) {
    return [`its kind is ${describe(plugin['kind'])}, expected "${kind}"`];
  }
  if (plugin['apiVersion'] !== pluginApiVersion) {
    const found = describe(plugin['apiVersion']);
    return [
      `its apiVersion is ${found}, expected ${pluginApiVersion}: it was made for another one`,
    ];
  }
  return [...headProblems(plugin), ...memberProblems(kind, plugin)];
}

function headProblems(plugin: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  const { name, summary } = plugin;
  if (typeof name !== 'string' || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    problems.push(`its name is ${describe(name)}, expected lower-case words joined by hyphens`);
  }
  if (typeof summary !== 'string' || summary === '' || summary.includes('\n')) {
    problems.push(`its summary is ${describe(summary)}, expected one line of text`);
  }
  return problems;
}

/** An engine that is a file system only describes; a workload of files needs nothing of its engine. */
const fileMethods: Partial<Readonly<Record<PluginKind, readonly string[]>>> = {
  engine: ['contractFor', 'recipeFor', 'probe'],
};

function memberProblems(kind: PluginKind, plugin: Readonly<Record<string, unknown>>): string[] {
  const { medium } = plugin;
  const isOfFiles = medium === 'files';
  const expected = (isOfFiles ? fileMethods[kind] : undefined) ?? methods[kind];
  const problems = expected
    .filter((method) => typeof plugin[method] !== 'function')
    .map((method) => `its ${method} is ${describe(plugin[method])}, expected a function`);
  if (kind !== 'verifier' && typeof memberOf(plugin['options'], 'parse') !== 'function') {
    problems.push(
      'its options have no parse function, expected a schema (zod strictObject is one)',
    );
  }
  if (medium !== undefined && !isOfFiles) {
    problems.push(`its medium is ${describe(medium)}, expected "files", or none for blocks`);
  }
  if (!isOfFiles) problems.push(...blockProblems(kind, plugin));
  if (kind === 'fault') problems.push(...faultProblems(plugin));
  return problems;
}

function blockProblems(kind: PluginKind, plugin: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  if (kind === 'engine' && !isListOfText(memberOf(plugin['supports'], 'ops'))) {
    problems.push('its supports.ops is not a list of operation kinds');
  }
  if (kind === 'engine' && typeof memberOf(plugin['supports'], 'dataDevice') !== 'boolean') {
    problems.push('its supports.dataDevice is not true or false');
  }
  if (kind === 'workload' && !isListOfText(plugin['requires'])) {
    problems.push('its requires is not a list of operation kinds');
  }
  return problems;
}

function faultProblems(plugin: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  if (!faultLayers.some((layer) => layer === plugin['layer'])) {
    const expected = faultLayers.map((layer) => `"${layer}"`).join(' or ');
    problems.push(`its layer is ${describe(plugin['layer'])}, expected ${expected}`);
  }
  if (!faultClasses.some((known) => known === plugin['faultClass'])) {
    const expected = faultClasses.join(', ');
    problems.push(
      `its faultClass is ${describe(plugin['faultClass'])}, expected one of ${expected}`,
    );
  }
  return problems;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function isListOfText(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'object' || typeof value === 'function') return `of type ${typeof value}`;
  return JSON.stringify(value);
}
