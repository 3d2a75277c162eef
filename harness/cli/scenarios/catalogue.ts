import type { ScenarioInput } from '../scenario-schema.ts';
import { guest, kernel, machine } from './kernel.ts';
import { smoke } from './smoke.ts';

/** The built-in scenarios, by the profile that runs them. A new profile is a file and a line here. */
export const profiles: Readonly<Record<string, readonly ScenarioInput[]>> = {
  smoke,
  kernel,
  guest,
  machine,
};

export function profileNames(): readonly string[] {
  return Object.keys(profiles);
}

export function builtInScenarios(): readonly ScenarioInput[] {
  return Object.values(profiles).flat();
}
