/** Steps from the top of a scenario to a value in it, as in `['faults', 0, 'at']`. */
export type ScenarioPath = readonly (string | number)[];

/** A scenario as it was written, not yet judged, and where each part of it was written. */
export interface ScenarioSource {
  readonly raw: unknown;
  /** Paths of plug-ins start from it. */
  readonly directory: string;
  /**
   * Where the user finds the value (or the name of the field) at the path: `file:line:column`, or a
   * flag. A path to something that was not written leads to the nearest thing around it that was.
   */
  place(path: ScenarioPath, part: 'field' | 'value'): string;
}

/** Something that is wrong with a scenario, with its place in front. */
export type ScenarioProblem = string;

export interface ReadScenarios {
  readonly sources: readonly ScenarioSource[];
  readonly problems: readonly ScenarioProblem[];
}

/** The same scenario with one value replaced by a flag, which is then where a problem lies. */
export function overrideField(
  source: ScenarioSource,
  path: ScenarioPath,
  value: unknown,
  flag: string,
): ScenarioSource {
  return {
    raw: withValueAt(source.raw, path, value),
    directory: source.directory,
    place: (wanted, part) =>
      path.every((step, index) => wanted[index] === step) ? flag : source.place(wanted, part),
  };
}

function withValueAt(raw: unknown, path: ScenarioPath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(raw)) {
    const items: readonly unknown[] = raw;
    return items.map((item, index) => (index === step ? withValueAt(item, rest, value) : item));
  }
  const fields = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  // A plug-in may be written as its name alone.
  if (typeof raw === 'string' && step === 'with')
    return { use: raw, with: withValueAt({}, rest, value) };
  return { ...fields, [step]: withValueAt(fields[step], rest, value) };
}
