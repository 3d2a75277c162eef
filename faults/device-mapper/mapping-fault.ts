import { HarnessError, type ArmedFault, type Availability } from '../../harness/contract/index.ts';

/** The part of the rig's mapping that a fault needs; throws CONFIG_INVALID where the rig has none. */
export function requirePart<Part>(part: Part | undefined, fault: string, target: string): Part {
  if (part !== undefined) return part;
  throw new HarnessError(
    'CONFIG_INVALID',
    `fault ${fault} needs ${target} under the engine, which the rig has not put there`,
  );
}

/** Fires when it is triggered; disposal restores what a trigger, even a failed one, may have changed. */
export function armedUntilRestored(
  fire: () => Promise<void>,
  restore: () => Promise<void>,
): ArmedFault {
  let isTouched = false;
  return {
    trigger: async () => {
      isTouched = true;
      await fire();
    },
    [Symbol.asyncDispose]: async () => {
      if (!isTouched) return;
      await restore();
      isTouched = false;
    },
  };
}

/** The mapping is the rig's to make, and so it is the rig that says where it cannot. */
export async function probeOfRig(): Promise<Availability> {
  return { available: true };
}
