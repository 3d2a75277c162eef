// Runs inside a guest whose drive is the twin: puts dm-log-writes on top of it, so that one stream of writes is recorded
// above and beneath, and works on it. Descriptor 3 tells the host each position of the ledger before it is
// marked in the log. Arguments: a folder that the host can read, the devices, and the job as JSON.
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DeviceGeometry, FileSystemRecipe, Scenario } from '../../contract/index.ts';
import { LogWritesDevice } from '../../device/device-mapper-log-writes.ts';
import { encodeFileLedger } from '../../ledger/file-ledger.ts';
import { makeFileSystem, mountMade } from '../../rigs/made-file-system.ts';
import { openLocalFileDriver } from '../../rigs/vm/local-file-driver.ts';
import { driveFiles, type FileWitness } from '../files/drive-files.ts';
import { isFileScenario, loadAnySources, type PluginSources } from '../plugin-sources.ts';
import { roundRandom } from '../record-round.ts';
import { ResourceLedger } from '../resources.ts';
import { writeBlocks } from './raw-writes.fixture.ts';

/** A file system that is made and worked on. */
export interface RecordedPart {
  readonly name: string;
  readonly scenario: Scenario;
  readonly sources: PluginSources;
}

export interface TwoRecordersJob {
  readonly geometry: DeviceGeometry;
  /** Writes and flushes on the device itself, before there is a file system. */
  readonly rawRequests: number;
  readonly parts: readonly RecordedPart[];
}

const messages = 3;
const [folder = '', data = '', log = '', text = ''] = process.argv.slice(2);
const job = JSON.parse(text) as TwoRecordersJob;

class BothRecorders implements FileWitness {
  readonly powerLost = new Promise<void>(() => undefined);
  readonly #device: LogWritesDevice;
  readonly #part: string;

  constructor(device: LogWritesDevice, part: string) {
    this.#device = device;
    this.#part = part;
  }

  async mark(position: number | 'end'): Promise<void> {
    const mark = `${this.#part}:${position}`;
    fs.writeSync(messages, `${mark}\n`);
    await this.#device.mark(mark);
  }

  async noteOp(): Promise<void> {
    return undefined;
  }
}

/**
 * What is written in the background may be under way when a flush is sent: answered beneath, and not known to be so
 * above. Then both recorders are right, and not alike. So nothing is written but what somebody waits for: no flusher,
 * no commit by the clock, and no syncfs, which writes metadata back while a commit is on its way.
 */
function quiet(recipe: FileSystemRecipe): FileSystemRecipe {
  fs.writeFileSync('/proc/sys/vm/dirty_writeback_centisecs', '0');
  const options = [recipe.mountOptions, 'commit=600'].filter((option) => option !== '');
  return { ...recipe, mountOptions: options.join(',') };
}

async function record(
  { name, scenario, sources }: RecordedPart,
  device: LogWritesDevice,
  resources: ResourceLedger,
): Promise<string | undefined> {
  const ready = await loadAnySources(scenario, sources);
  if (!isFileScenario(ready)) throw new TypeError('the scenario is of no file system');
  const recipe = quiet(ready.engine.recipeFor(ready.engineConfig, job.geometry));
  // What the part before has forced is older than what is made now.
  flush(device.node);
  await makeFileSystem(recipe, device.node);
  const both = new BothRecorders(device, name);
  await both.mark(0);
  await using mounted = await mountMade(recipe, device.node, resources);
  flush(device.node);
  await using driver = await openLocalFileDriver({
    root: mounted.root,
    seed: scenario.seed,
    syncPolicy: recipe.syncPolicy,
  });
  const random = roundRandom(scenario.seed, 0);
  const options = {
    ready,
    random,
    stop: new AbortController().signal,
    onProgress: () => undefined,
  };
  const driven = await driveFiles(options, both, driver);
  commit(mounted.root);
  flush(device.node);
  await both.mark('end');
  fs.writeFileSync(path.join(folder, `${name}.ledger`), encodeFileLedger(driven.ledger));
  return driven.gap;
}

/** What was never synced is durable afterwards, as far as it is in the journal. */
function commit(root: string): void {
  const fd = fs.openSync(root, 'r');
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

/**
 * The log holds plain writes back until there is one. Several make it known of each block that was forced that it
 * is older than what comes then (log-histories.ts, flushesInFlightMax).
 */
function flush(node: string): void {
  const fd = fs.openSync(node, 'r+');
  for (let count = 0; count < 6; count++) fs.fsyncSync(fd);
  fs.closeSync(fd);
}

await using resources = ResourceLedger.open();
await using device = await LogWritesDevice.create(
  { name: 'powercut-both', device: data, log },
  resources,
);
await writeBlocks(device.node, { requests: job.rawRequests, seed: 1 });
await device.mark('raw:end');
const gaps: (string | null)[] = [];
for (const part of job.parts) gaps.push((await record(part, device, resources)) ?? null);
console.log(`report ${JSON.stringify({ gaps, status: await device.status() })}`);
