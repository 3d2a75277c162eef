import type {
  DriveEffect,
  FaultClass,
  FaultModule,
  OptionSchema,
} from '../../harness/contract/index.ts';

interface DriveFault<Options> {
  readonly name: string;
  readonly summary: string;
  readonly faultClass: FaultClass;
  readonly options: OptionSchema<Options>;
  effectOf(options: Options): DriveEffect;
}

/**
 * Makes the plug-in of a fault that is one effect of the simulated drive. The drive fires it by its
 * own rule and records the firing; the rule ends with the drive, so disposal has nothing to heal.
 */
export function defineDriveFault<Options>(
  fault: DriveFault<Options>,
): FaultModule<'drive', Options> {
  const { name, summary, faultClass, options } = fault;
  return {
    kind: 'fault',
    apiVersion: 1,
    name,
    summary,
    layer: 'drive',
    faultClass,
    options,
    probe: async () => ({ available: true }),
    arm: async (drive, chosen, timing, random) => {
      const effect = fault.effectOf(chosen);
      await drive.arm({ fault: name, faultClass, effect, ...timing }, random);
      return {
        trigger: async () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
}
