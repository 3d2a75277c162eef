import { open } from 'node:fs/promises';
import {
  HarnessError,
  nounFor,
  type ArmedFault,
  type DeviceGeometry,
  type EngineFacts,
  type FaultFiring,
} from '../../contract/index.ts';
import { LogWritesDevice } from '../../device/device-mapper-log-writes.ts';
import type { History } from '../../drive/history.ts';
import type { SparseImage } from '../../drive/image.ts';
import { readBaseImage } from '../../drive/write-log/base-image.ts';
import { historiesOfLog, type OrderGap } from '../../drive/write-log/log-histories.ts';
import { WriteLog } from '../../drive/write-log/write-log.ts';
import { startFileDriver } from '../../rigs/file-driver.ts';
import { makeFileSystem, mountMade } from '../../rigs/made-file-system.ts';
import { armFaults } from '../arm-faults.ts';
import { usableOf } from '../mapped-home.ts';
import { logFault } from '../real-crashes.ts';
import { roundRandom } from '../record-round.ts';
import { driveFiles, type DrivenFiles, type FileWitness } from './drive-files.ts';
import type { FileRoundRecord } from './file-round.ts';
import { cutMomentOf } from './cut-moment.ts';
import { mappingName } from './mapping-name.ts';
import { writeBack, type RecordFilesOptions } from './record-files.ts';

export interface DeviceRecordOptions extends RecordFilesOptions {
  /** A block device of this machine that may be overwritten, and what it says of itself. */
  readonly node: string;
  readonly geometry: DeviceGeometry;
}

export interface RecordLogOptions extends DeviceRecordOptions {
  /** Another one, for the log. */
  readonly logNode: string;
}

/** From here on crash states are explored: the file system is made, and not yet mounted. */
const startMark = 'pos-0';

/** What the fault sets when it fires; what comes after it is clean-up. */
const stopMark = 'cut';

/**
 * The workload on a real block device with dm-log-writes above it, and what its log says of the crash
 * states that power loss may have left: a record for each part of the log of which the order is known.
 */
export async function recordLog(options: RecordLogOptions): Promise<readonly FileRoundRecord[]> {
  const { ready, round, node, logNode, geometry } = options;
  const base = imageOfDevice(node, geometry);
  const driven = await driveAboveLog(options);
  await using log = WriteLog.open(logNode, {
    until: 'entry-count',
    capacityBlocks: geometry.capacityBlocks,
  });
  const found = historiesOfLog(log, {
    semantics: logFault,
    name: ready.engine.name,
    base,
    startMark,
    stopMark,
    flushesInFlightMax,
  });
  return found.histories.map(({ history }, part) => ({
    round: round + part,
    history: withFiring(history),
    fresh: driven.fresh,
    ledger: driven.ledger,
    firings: [firing],
    engineFacts: driven.facts,
    gap: driven.gap ?? describeGaps(found.gaps),
  }));
}

const firing: FaultFiring = { fault: logFault, faultClass: 'power-loss', atNs: 0, details: {} };

/** The log has no faults: power loss at its end is what makes crash states of it. */
function withFiring(history: History): History {
  history.fault(0, firing);
  return history;
}

/** A drive as large as those of data centres cannot be held in memory, crash state by crash state. */
const baseBytesMax = 2 ** 30;

/** All that may be used of a device. Throws CONFIG_INVALID for one that is too large. */
export function imageOfDevice(node: string, geometry: DeviceGeometry): SparseImage {
  const byteCount = geometry.logicalBlockBytes * geometry.capacityBlocks;
  if (byteCount > baseBytesMax) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${node} has ${byteCount} bytes, expected at most ${baseBytesMax}: the crash states of a log are made in memory`,
    );
  }
  return readBaseImage(node, geometry.logicalBlockBytes === 512 ? 512 : 4096, byteCount);
}

interface DrivenAboveLog extends DrivenFiles {
  /** As it was made: the parts of a log need not begin with it. */
  readonly fresh: SparseImage;
  readonly facts: EngineFacts;
}

async function driveAboveLog(options: RecordLogOptions): Promise<DrivenAboveLog> {
  const { ready, round, resources, logNode } = options;
  const { scenario, engine, engineConfig } = ready;
  const random = roundRandom(scenario.seed, round);
  const recipe = engine.recipeFor(engineConfig, options.geometry);
  await using device = await LogWritesDevice.create(
    { name: mappingName(), ...usableOf(options), log: logNode },
    resources,
  );
  await makeFileSystem(recipe, device.node);
  const fresh = imageOfDevice(device.node, options.geometry);
  await device.mark(startMark);
  await using mounted = await mountMade(recipe, device.node, resources);
  await flush(device.node, flushesInFlightMax + 1);
  await using driver = await startFileDriver({
    root: mounted.root,
    seed: scenario.seed,
    syncPolicy: recipe.syncPolicy,
    resources,
  });
  const armed = await armFaults(ready, 'workload', { 'device-mapper': { log: device } }, random);
  const witness = new LogWitness(device, cutMomentOf(scenario), armed);
  const driven = await driveFiles({ ...options, random }, witness, driver);
  if (driven.gap === undefined && !witness.isOver()) await writeBack(driver);
  await witness.end();
  return { ...driven, fresh, facts: mounted.facts };
}

/** One process that does one thing at a time, and the kernel's own threads. */
const flushesInFlightMax = 4;

/**
 * What the kernel writes through as it mounts, ext4 its superblock, it writes behind soon after; only after
 * so many flushes does the log show which came last (log-histories.ts).
 */
async function flush(node: string, times: number): Promise<void> {
  const handle = await open(node, 'r');
  try {
    for (let done = 0; done < times; done++) await handle.sync();
  } finally {
    await handle.close();
  }
}

class LogWitness implements FileWitness {
  readonly #device: LogWritesDevice;
  readonly #cutAt: number;
  readonly #armed: readonly ArmedFault[];
  /** The drive goes on: it is only that nothing later is explored. */
  readonly powerLost = new Promise<void>(() => undefined);
  #isCut = false;

  constructor(device: LogWritesDevice, cutAt: number, armed: readonly ArmedFault[]) {
    this.#device = device;
    this.#cutAt = cutAt;
    this.#armed = armed;
  }

  mark(position: number): Promise<void> {
    return this.#device.mark(`pos-${position}`);
  }

  async noteOp(n: number): Promise<void> {
    if (n === this.#cutAt) await this.end();
  }

  isOver(): boolean {
    return this.#isCut;
  }

  /** The end of what is explored; where the log is not whole by then, this throws. */
  async end(): Promise<void> {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const fault of this.#armed) await fault.trigger();
  }
}

function describeGaps(gaps: readonly OrderGap[]): string | undefined {
  const [first] = gaps;
  if (first === undefined) return undefined;
  return (
    `the log leaves open which of two writes to LBA ${first.lba} came last, from entry ` +
    `${first.firstEntry} on: ${gaps.length} ${nounFor(gaps.length, 'stretch', 'stretches')} could not be explored`
  );
}
