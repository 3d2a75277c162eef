import type { DeviceGeometries, DeviceGeometry } from './block-device.ts';
import type { ByteRange, FaultedDevice, FaultMoment } from './fault.ts';
import type { ViolationKind } from './verifier.ts';

export interface PluginRef {
  /** A name of the registry, a path, or a package. */
  readonly use: string;
  readonly with?: unknown;
}

export type FaultPhase = 'workload' | 'recovery';

export interface ScenarioFault extends PluginRef {
  readonly at: FaultMoment;
  readonly times: number | 'forever';
  readonly within?: ByteRange;
  /** See DriveFaultRule. */
  readonly device?: FaultedDevice;
  /** Whether it is armed while the workload runs or during each recovery. */
  readonly during: FaultPhase;
}

/**
 * Where a scenario runs. `sim`: the twin in this process. `fuse`: the twin under the file systems and
 * the block layer of this kernel. `device`: a real block device. `vm`: a virtual machine of its own.
 */
export const rigNames = ['sim', 'fuse', 'device', 'vm'] as const;

export type RigName = (typeof rigNames)[number];

/**
 * A model of the flash behind a drive, for rig sim: what it would have programmed is simulated, and no
 * verdict depends on it.
 */
export interface FlashModel {
  readonly pageBytes: number;
  readonly pagesPerEraseBlock: number;
  /** (Physical - user) / user pages, as Desnoyers and fio's `spr_op` have it. */
  readonly overProvisioning: number;
  /**
   * How the drive was filled before: `empty` is fresh out of the box; `sequential` has every page
   * written once, in order; `random` then each page twice more on average, near its steady state.
   */
  readonly preconditioning: 'empty' | 'sequential' | 'random';
}

/** Data only: serialisable, diffable, replayable from the run directory. */
export interface Scenario {
  readonly name: string;
  /** Why this scenario exists: the bug or the promise it guards. */
  readonly because: string;
  readonly seed: number;
  readonly rig: RigName;
  readonly engine: PluginRef;
  readonly workload: PluginRef;
  readonly faults: readonly ScenarioFault[];
  /** Verifiers beside the built-in ones. */
  readonly verifiers: readonly string[];
  readonly device: DeviceGeometry;
  /** A second device, for engines that keep the volume's blocks on one of their own. */
  readonly dataDevice?: DeviceGeometry;
  readonly flash?: FlashModel;
  readonly limits: {
    readonly ops: number;
    readonly queueDepth: number;
    /** Real time for the whole scenario; more is inconclusive. */
    readonly durationMs: number;
  };
  readonly explore: {
    /** Independent runs of the workload, each with a fork of the seed. */
    readonly rounds: number;
    /** Most crash states recovered, over all rounds and depths. */
    readonly states: number;
    /** Of these, how many are spent on crashes during and after a recovery. */
    readonly nestedStates: number;
  };
  readonly expect: Expectation;
}

export type Expectation =
  | { readonly verdict: 'pass' }
  /** A known-bad set-up: the scenario passes when the engine is convicted of one of these. */
  | { readonly verdict: 'fail'; readonly kinds: readonly ViolationKind[]; readonly why: string };

/** The devices of a scenario by their roles. */
export function geometriesOf({
  device,
  dataDevice,
}: Pick<Scenario, 'device' | 'dataDevice'>): DeviceGeometries {
  return dataDevice === undefined ? { main: device } : { main: device, data: dataDevice };
}
