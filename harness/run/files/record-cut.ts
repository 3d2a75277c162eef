import type { ArmedFault, EngineFacts } from '../../contract/index.ts';
import { FlakeyDevice } from '../../device/device-mapper-flakey.ts';
import { startFileDriver } from '../../rigs/file-driver.ts';
import { makeFileSystem, mountMade } from '../../rigs/made-file-system.ts';
import { armFaults } from '../arm-faults.ts';
import { usableOf } from '../mapped-home.ts';
import { roundRandom } from '../record-round.ts';
import { cutMomentOf } from './cut-moment.ts';
import { driveFiles, type DrivenFiles, type FileWitness } from './drive-files.ts';
import type { FileCut } from './file-cut.ts';
import { mappingName } from './mapping-name.ts';
import { imageOfDevice, type DeviceRecordOptions } from './record-log.ts';

/**
 * The workload on a real block device with dm-flakey above it, cut off from it in the middle of an
 * operation; what the device then holds is the one crash state there is (CRASH-MODEL §4.4).
 */
export async function recordCut(options: DeviceRecordOptions): Promise<FileCut> {
  const { round, node, geometry } = options;
  await makeThroughMapping(options);
  const fresh = imageOfDevice(node, geometry);
  const { witness, facts, ledger, gap } = await driveUntilCut(options);
  const image = imageOfDevice(node, geometry);
  return {
    round,
    ledger,
    fresh,
    image,
    geometry,
    firings: witness.isCut
      ? [
          {
            fault: 'dm-flakey',
            faultClass: 'power-loss',
            atNs: 0,
            details: { atOp: witness.cutAt },
          },
        ]
      : [],
    engineFacts: facts,
    gap:
      gap ??
      (witness.isCut
        ? undefined
        : `round ${round} ended before operation ${witness.cutAt}, at which it was to be cut`),
  };
}

/** Not on the device itself: the block of the ownership stamp is none of the file system's. */
async function makeThroughMapping(options: DeviceRecordOptions): Promise<void> {
  const { engine, engineConfig } = options.ready;
  await using device = await createMapping(options);
  await makeFileSystem(engine.recipeFor(engineConfig, options.geometry), device.node);
}

function createMapping(options: DeviceRecordOptions): Promise<FlakeyDevice> {
  return FlakeyDevice.create({ name: mappingName(), ...usableOf(options) }, options.resources);
}

interface DrivenUntilCut extends DrivenFiles {
  readonly witness: CutWitness;
  readonly facts: EngineFacts;
}

/** Nothing of the file system's memory reaches the device after the cut, nor while it is unmounted. */
async function driveUntilCut(options: DeviceRecordOptions): Promise<DrivenUntilCut> {
  const { ready, round, resources } = options;
  const { scenario } = ready;
  const random = roundRandom(scenario.seed, round);
  const recipe = ready.engine.recipeFor(ready.engineConfig, options.geometry);
  await using device = await createMapping(options);
  await using mounted = await mountMade(recipe, device.node, resources);
  await using driver = await startFileDriver({
    root: mounted.root,
    seed: scenario.seed,
    syncPolicy: recipe.syncPolicy,
    resources,
  });
  const armed = await armFaults(ready, 'workload', { 'device-mapper': { flakey: device } }, random);
  const witness = new CutWitness(cutMomentOf(scenario), armed);
  const driven = await driveFiles({ ...options, random }, witness, driver);
  await witness.ended;
  return { ...driven, witness, facts: mounted.facts };
}

/**
 * Cuts while its operation is on its way. What is acknowledged once the cut has begun is void: with
 * drop-writes it may be a lie, and it is not known on which side of the new table it came.
 */
class CutWitness implements FileWitness {
  readonly cutAt: number;
  readonly #armed: readonly ArmedFault[];
  #cut: Promise<void> | undefined;
  #lose: (cut: Promise<void>) => void = () => undefined;
  readonly powerLost = new Promise<void>((resolve) => {
    this.#lose = resolve;
  });

  constructor(cutAt: number, armed: readonly ArmedFault[]) {
    this.cutAt = cutAt;
    this.#armed = armed;
  }

  get isCut(): boolean {
    return this.#cut !== undefined;
  }

  /** Resolves once the cut, if there is one, has been made. */
  get ended(): Promise<void> {
    return this.#cut ?? Promise.resolve();
  }

  async mark(): Promise<void> {
    return undefined;
  }

  async noteOp(n: number): Promise<void> {
    if (n !== this.cutAt) return;
    this.#cut = this.#trigger();
    this.#lose(this.#cut);
  }

  isCutting(): boolean {
    return this.isCut;
  }

  async #trigger(): Promise<void> {
    for (const fault of this.#armed) await fault.trigger();
  }
}
