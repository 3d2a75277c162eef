import { z } from 'zod';
import {
  rigNames,
  violationKinds,
  type ByteRange,
  type DeviceGeometry,
  type DeviceRole,
  type Expectation,
  type FaultMoment,
  type PluginRef,
  type Scenario,
  type ScenarioFault,
} from '../contract/index.ts';

const defaultCapacityBytes = 64 * 2 ** 20;

const wholeNumber = (least: number) => z.int().min(least);

const byteRange = z.tuple([wholeNumber(0), wholeNumber(1)], {
  error: 'expected [byte offset, byte count]',
});

/** A plug-in is its name alone, or its name with options. */
const pluginRef = z.preprocess(
  expandName,
  z.strictObject({ use: z.string().min(1), with: z.unknown().optional() }),
);

const moment = z
  .strictObject({
    op: wholeNumber(1).optional(),
    flush: wholeNumber(1).optional(),
    area: z.string().min(1).optional(),
    bytes: byteRange.optional(),
    ms: z.number().min(0).optional(),
  })
  .refine((value) => Object.values(value).filter((part) => part !== undefined).length === 1, {
    error: 'expected exactly one of op, flush, area, bytes, ms',
    // An unknown moment has been complained of already.
    when: ({ issues }) => issues.length === 0,
  });

const fault = z.strictObject({
  use: z.string().min(1),
  with: z.unknown().optional(),
  at: moment,
  times: z
    .union([wholeNumber(1), z.literal('forever')], {
      error: 'expected a whole number from 1, or forever',
    })
    .default(1),
  within: byteRange.optional(),
  device: z.enum(['main', 'data', 'both']).optional(),
  during: z.enum(['workload', 'recovery']).default('workload'),
});

const device = z.strictObject({
  logicalBlockBytes: z.literal([512, 4096]).default(4096),
  capacityBlocks: wholeNumber(1).optional(),
  atomicWriteBlocks: wholeNumber(1).default(1),
  /** `lying`: the drive says volatile, and answers every flush without doing it. */
  writeCache: z.enum(['none', 'volatile', 'lying']).default('volatile'),
  supportsFua: z.boolean().default(true),
});

/** The defaults are those of a common drive: 7 % of spare space, as between 10^9 and 2^30 bytes. */
const flash = z.strictObject({
  pageBytes: z.int().min(4096).max(65_536).multipleOf(4096).default(4096),
  pagesPerEraseBlock: wholeNumber(1).default(256),
  overProvisioning: z.number().min(0.01).max(4).default(0.07),
  preconditioning: z.enum(['empty', 'sequential', 'random']).default('random'),
});

const limits = z.strictObject({
  ops: wholeNumber(1).default(200),
  queueDepth: wholeNumber(1).default(8),
  durationMs: wholeNumber(1).default(120_000),
});

const explore = z
  .strictObject({
    rounds: wholeNumber(1).default(1),
    states: wholeNumber(1).default(2000),
    nestedStates: wholeNumber(0).optional(),
  })
  .refine(({ states, nestedStates = 0 }) => nestedStates <= states, {
    path: ['nestedStates'],
    error: 'expected at most the number of states, of which they are a part',
  });

const expectation = z.preprocess(
  expandVerdict,
  z.discriminatedUnion('verdict', [
    z.strictObject({ verdict: z.literal('pass') }),
    z.strictObject({
      verdict: z.literal('fail'),
      kinds: z.array(z.enum(violationKinds)).min(1),
      why: z.string().min(1),
    }),
  ]),
);

/**
 * A scenario as people write it. Shorter than the contract's `Scenario` where that costs nothing:
 * names for plug-ins without options, moments as `at: { op: 40 }`, and defaults.
 */
export const scenarioSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, {
    error: 'expected lower-case letters, digits, hyphens and dots',
  }),
  because: z.string().min(1),
  seed: wholeNumber(0).default(1),
  rig: z.enum(rigNames).default('sim'),
  engine: pluginRef,
  workload: pluginRef,
  faults: z.array(fault).default([]),
  verifiers: z.array(z.string().min(1)).default([]),
  device: device.prefault({}),
  dataDevice: device.optional(),
  flash: flash.optional(),
  limits: limits.prefault({}),
  explore: explore.prefault({}),
  expect: expectation.default({ verdict: 'pass' }),
});

type ScenarioFields = z.output<typeof scenarioSchema>;

type PluginInput = string | PluginRef;

/** What may be written, for scenarios that are written in TypeScript. */
export type ScenarioInput = Omit<
  z.input<typeof scenarioSchema>,
  'engine' | 'workload' | 'expect'
> & {
  readonly engine: PluginInput;
  readonly workload: PluginInput;
  readonly expect?: 'pass' | Expectation;
};

export function toScenario({ dataDevice, flash, ...fields }: ScenarioFields): Scenario {
  return {
    ...fields,
    engine: toPluginRef(fields.engine),
    workload: toPluginRef(fields.workload),
    faults: [
      ...fields.faults.map(toFault),
      ...liesOf(fields.device, dataDevice && 'main'),
      ...(dataDevice === undefined ? [] : liesOf(dataDevice, 'data')),
    ],
    device: toGeometry(fields.device),
    ...(dataDevice && { dataDevice: toGeometry(dataDevice) }),
    ...(flash && { flash }),
    explore: toExploration(fields.explore),
  };
}

function toPluginRef({ use, with: options }: ScenarioFields['engine']): PluginRef {
  return options === undefined ? { use } : { use, with: options };
}

function toFault(fields: ScenarioFields['faults'][number]): ScenarioFault {
  return {
    ...toPluginRef(fields),
    at: toMoment(fields.at),
    times: fields.times,
    ...(fields.within === undefined ? {} : { within: toRange(fields.within) }),
    ...(fields.device && { device: fields.device }),
    during: fields.during,
  };
}

function toMoment(at: ScenarioFields['faults'][number]['at']): FaultMoment {
  if (at.op !== undefined) return { atOp: at.op };
  if (at.flush !== undefined) return { atFlush: at.flush };
  if (at.area !== undefined) return { atArea: at.area };
  if (at.bytes !== undefined) return { atBytes: toRange(at.bytes) };
  return { atNs: (at.ms ?? 0) * 1e6 };
}

function toRange([byteOffset, byteCount]: readonly [number, number]): ByteRange {
  return { byteOffset, byteCount };
}

/** What a drive says of itself is its geometry; that it lies is a fault from the first flush on. */
function liesOf(
  { writeCache }: ScenarioFields['device'],
  role: DeviceRole | undefined,
): readonly ScenarioFault[] {
  if (writeCache !== 'lying') return [];
  const lie = {
    use: 'lying-flush',
    at: { atFlush: 1 },
    times: 'forever',
    during: 'workload',
  } as const;
  return [role === undefined ? lie : { ...lie, device: role }];
}

function toGeometry(fields: ScenarioFields['device']): DeviceGeometry {
  const { logicalBlockBytes, capacityBlocks, writeCache } = fields;
  return {
    ...fields,
    writeCache: writeCache === 'lying' ? 'volatile' : writeCache,
    capacityBlocks: capacityBlocks ?? defaultCapacityBytes / logicalBlockBytes,
  };
}

/** One state in ten goes to crashes of the recovery itself, unless the scenario says otherwise. */
function toExploration(fields: ScenarioFields['explore']): Scenario['explore'] {
  return { ...fields, nestedStates: fields.nestedStates ?? Math.floor(fields.states / 10) };
}

/** The reverse of `toScenario`: a scenario as it would be written, for reproducers. */
export function toScenarioInput({ dataDevice, ...scenario }: Scenario): ScenarioInput {
  return {
    ...scenario,
    faults: scenario.faults.map(({ at, within, ...rest }) => ({
      ...rest,
      at: toMomentInput(at),
      ...(within === undefined ? {} : { within: toRangeInput(within) }),
    })),
    verifiers: [...scenario.verifiers],
    device: toDeviceInput(scenario.device),
    ...(dataDevice && { dataDevice: toDeviceInput(dataDevice) }),
  };
}

function toMomentInput(at: FaultMoment): ScenarioFields['faults'][number]['at'] {
  if ('atOp' in at) return { op: at.atOp };
  if ('atFlush' in at) return { flush: at.atFlush };
  if ('atArea' in at) return { area: at.atArea };
  if ('atBytes' in at) return { bytes: toRangeInput(at.atBytes) };
  return { ms: at.atNs / 1e6 };
}

function toRangeInput({ byteOffset, byteCount }: ByteRange): [number, number] {
  return [byteOffset, byteCount];
}

function toDeviceInput(geometry: DeviceGeometry): ScenarioFields['device'] {
  // The two sizes are the only ones a scenario can hold; anything else fails when it is read.
  const logicalBlockBytes = geometry.logicalBlockBytes as 512 | 4096;
  return { ...geometry, logicalBlockBytes };
}

function expandName(value: unknown): unknown {
  return typeof value === 'string' ? { use: value } : value;
}

function expandVerdict(value: unknown): unknown {
  return value === 'pass' ? { verdict: 'pass' } : value;
}
