/**
 * The process that works on a file system in a machine that is killed: makes it, mounts it and performs the workload,
 * one operation after the other. It tells of each before it begins it, and again once it has its answer.
 */
import * as fs from 'node:fs';
import { HarnessError, type DeviceGeometry, type Scenario } from '../../contract/index.ts';
import type { FileDriver } from '../../rigs/file-driver.ts';
import { makeFileSystem, mountMade } from '../../rigs/made-file-system.ts';
import { openLocalFileDriver } from '../../rigs/vm/local-file-driver.ts';
import { driveFiles, type FileWitness } from '../files/drive-files.ts';
import { writeBack } from '../files/record-files.ts';
import { isFileScenario, loadAnySources, type PluginSources } from '../plugin-sources.ts';
import { roundRandom } from '../record-round.ts';
import { ResourceLedger } from '../resources.ts';
import type { FileHostMessage } from './file-messages.ts';

export interface FileHostJob {
  readonly scenario: Scenario;
  readonly sources: PluginSources;
  readonly round: number;
  /** The drive, as this machine knows it. */
  readonly node: string;
  readonly geometry: DeviceGeometry;
}

/** The harness hears what is written to this descriptor. */
const messagePort = 3;

async function host({ scenario, sources, round, node, geometry }: FileHostJob): Promise<void> {
  const ready = await loadAnySources(scenario, sources);
  if (!isFileScenario(ready)) {
    throw new HarnessError('CONFIG_INVALID', `${ready.engine.name} is no file system`);
  }
  const recipe = ready.engine.recipeFor(ready.engineConfig, geometry);
  await using resources = ResourceLedger.open();
  await makeFileSystem(recipe, node);
  tell(['made']);
  await using mounted = await mountMade(recipe, node, resources);
  tell(['mounted', mounted.facts]);
  const { root } = mounted;
  const { syncPolicy } = recipe;
  await using driver = await openLocalFileDriver({ root, seed: scenario.seed, syncPolicy });
  const random = roundRandom(scenario.seed, round);
  const stop = new AbortController().signal;
  const options = { ready, random, stop, onProgress: () => undefined };
  const { gap } = await driveFiles(options, witness, toldOf(driver));
  if (gap === undefined) await writeBack(driver);
  tell(['end', gap ?? null]);
}

/** What is told has its place in the evidence by when it is heard. */
const witness: FileWitness = {
  mark: async () => undefined,
  noteOp: async () => undefined,
  powerLost: new Promise<void>(() => undefined),
};

function toldOf(driver: FileDriver): FileDriver {
  return {
    perform: async (id, op) => {
      tell(['invoke', id, op]);
      const outcome = await driver.perform(id, op);
      tell(['settle', id, outcome]);
      return outcome;
    },
    [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose](),
  };
}

/** Returns when all of it is with the harness. */
function tell(message: FileHostMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let sent = 0; sent < line.length;) sent += fs.writeSync(messagePort, line, sent);
}

await host(JSON.parse(fs.readFileSync(0, 'utf8')) as FileHostJob);
