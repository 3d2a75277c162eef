import { HarnessError } from '../../contract/index.ts';
import { startFileDriver, type FileDriver } from '../../rigs/file-driver.ts';
import { startKernelTwin } from '../../rigs/fuse.ts';
import { makeFileSystem, mountMade } from '../../rigs/made-file-system.ts';
import { armFaults } from '../arm-faults.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { roundRandom } from '../record-round.ts';
import type { ResourceLedger } from '../resources.ts';
import { driveFiles } from './drive-files.ts';
import type { FileRoundRecord } from './file-round.ts';

export interface RecordFilesOptions {
  readonly ready: ReadyFileScenario;
  readonly round: number;
  readonly resources: ResourceLedger;
  readonly stop: AbortSignal;
  onProgress(done: number, total: number): void;
}

/**
 * Makes and mounts the file system on a fresh twin under the kernel, drives the workload, lets the
 * kernel write back what it still holds, and cuts the power. Every moment of it is on record.
 */
export async function recordFiles(options: RecordFilesOptions): Promise<FileRoundRecord> {
  const { ready, round, resources } = options;
  const { scenario, engine, engineConfig } = ready;
  const random = roundRandom(scenario.seed, round);
  const recipe = engine.recipeFor(engineConfig, scenario.device);
  await using twin = await startKernelTwin({
    geometry: scenario.device,
    seed: scenario.seed,
    resources,
  });
  await makeFileSystem(recipe, twin.node);
  // Crash states are explored from here on, so the first of them were never mounted.
  await twin.mark(0);
  await using mounted = await mountMade(recipe, twin.node, resources);
  await using driver = await startFileDriver({
    root: mounted.root,
    seed: scenario.seed,
    syncPolicy: recipe.syncPolicy,
    resources,
  });
  await armFaults(ready, 'workload', { drive: twin }, random);
  await twin.beginWorkload();
  const { ledger, gap } = await driveFiles({ ...options, random }, twin, driver);
  if (gap === undefined) await Promise.race([writeBack(driver), twin.powerLost]);
  const history = await twin.cut();
  return { round, history, ledger, firings: twin.firings, engineFacts: mounted.facts, gap };
}

/** No operation of the ledger. */
const nobody = 0;

/**
 * What was never synced is written back now, as the kernel does in its own time: states with part of
 * that are as legal as those without. It is nobody's operation, so nothing is owed for it.
 */
export async function writeBack(driver: FileDriver): Promise<void> {
  const outcome = await driver.perform(nobody, { kind: 'sync' });
  if (outcome.status === 'acknowledged') return;
  throw new HarnessError('UNAVAILABLE', `the last write-back failed with ${outcome.errno}`);
}
