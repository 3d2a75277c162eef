export type PluginKind = 'engine' | 'workload' | 'fault' | 'verifier' | 'reporter';

/** The version of these interfaces. A plug-in made for another one is refused on load. */
export const pluginApiVersion = 1;

export interface Plugin<K extends PluginKind> {
  readonly kind: K;
  readonly apiVersion: typeof pluginApiVersion;
  /** Kebab-case; the name users type and reports print. */
  readonly name: string;
  /** One line for `powercut list`. */
  readonly summary: string;
}

/** A plug-in that cannot run here says why. Skipped is never passed. */
export type Availability =
  { readonly available: true } | { readonly available: false; readonly reason: string };

/**
 * Reads a plug-in's options: returns them complete, with defaults, or throws an error that carries
 * `issues` with a `path` each. A zod `strictObject` is one; the loader takes valid names from it.
 */
export interface OptionSchema<Options> {
  parse(input: unknown): Options;
}
