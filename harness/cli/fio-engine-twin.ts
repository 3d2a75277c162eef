import {
  createRandom,
  HarnessError,
  type DeviceGeometry,
  type EngineSession,
} from '../contract/index.ts';
import type {
  EngineUnderTest,
  OpenEngine,
  SimulatedLevels,
} from '../fio/rounds/engine-under-test.ts';
import {
  isFlashPossible,
  simulateFlash,
  usualFlash,
} from '../measure/write-levels/simulated-flash.ts';
import { createSimRig, usedDrives, type SimRig } from '../rigs/sim.ts';
import type { ConfiguredEngine } from './fio-engine.ts';
import { explainedToolFailure } from './journal-tool.ts';

/** As large as the drive of a scenario that names none. */
const usualBytes = 64 * 2 ** 20;
const blockBytes = 4096;

/**
 * An engine on a simulated drive with a volatile cache, made anew for each run, with flash modelled
 * behind it where it is large enough to collect garbage.
 */
export function engineOnTwin(
  { adapter, config }: ConfiguredEngine,
  byteCount = usualBytes,
): EngineUnderTest {
  const geometry: DeviceGeometry = {
    logicalBlockBytes: blockBytes,
    capacityBlocks: Math.floor(byteCount / blockBytes),
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: true,
  };
  return {
    name: adapter.name,
    medium: `a simulated drive of ${(geometry.capacityBlocks * blockBytes).toLocaleString('en')} bytes`,
    paths: [],
    isSimulated: true,
    open: (seed) => openOnTwin({ adapter, config }, geometry, seed),
  };
}

async function openOnTwin(
  { adapter, config }: ConfiguredEngine,
  geometry: DeviceGeometry,
  seed: number,
): Promise<OpenEngine> {
  const geometries = { main: geometry };
  const hasFlash = isFlashPossible(geometry, usualFlash);
  const rig = createSimRig({
    ...usedDrives(geometries, seed),
    random: createRandom(seed).fork('fio twin'),
    // Only faults are aimed at areas.
    areas: [],
    // Only the modelled flash asks for the history.
    record: hasFlash,
  });
  const session = await madeAndOpened({ adapter, config }, rig);
  return { session, simulated: levelsFromNow(rig, adapter.name, seed), ...disposal(session, rig) };
}

async function madeAndOpened(
  { adapter, config }: ConfiguredEngine,
  { devices, platform, drive: { geometry } }: SimRig,
): Promise<EngineSession> {
  try {
    await adapter.format(devices, config, platform);
    return await adapter.open(devices, config, platform);
  } catch (error) {
    const bytes = geometry.capacityBlocks * geometry.logicalBlockBytes;
    throw explainedToolFailure(error, `a simulated drive of ${bytes} bytes (--twin-size)`);
  }
}

/** Nothing that an engine still has scheduled goes on once it was abandoned. */
function disposal(session: EngineSession, rig: SimRig): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      rig.timeline.halt();
      await session[Symbol.asyncDispose]();
    },
  };
}

/** What the drive receives from here on: making the engine and opening it are no part of a job. */
function levelsFromNow(rig: SimRig, name: string, seed: number): () => SimulatedLevels {
  const before = { ...rig.drive.counters };
  const eventsBefore = rig.history?.events.length ?? 0;
  return () => {
    if (rig.misuse !== undefined) {
      throw new HarnessError('PLUGIN_INVALID', `engine ${name}: ${rig.misuse}`);
    }
    const after = rig.drive.counters;
    const events = rig.history?.events.slice(eventsBefore);
    const { geometry } = rig.drive;
    const random = createRandom(seed).fork('fio flash');
    return {
      drives: [
        {
          disk: 'twin',
          hostBytes: after.bytesWritten - before.bytesWritten,
          hostBytesError: 0,
          mediaBytes: { notReported: 'not reported by this drive' },
          requests: {
            flushes: after.flushes - before.flushes,
            fuaWrites: after.fuaWrites - before.fuaWrites,
            discards: after.discards - before.discards,
          },
        },
      ],
      flash: events && simulateFlash(events, { geometry }, usualFlash, random),
    };
  };
}
