import {
  geometriesOf,
  type BlockDevice,
  type BlockNumber,
  type DurabilityContract,
  type EngineAdapter,
  type EngineSession,
  type FaultClass,
  type FaultPromise,
} from '../contract/index.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { readyScenario, type ScenarioChanges } from './scenario.fixture.ts';

type Devices = Parameters<EngineAdapter['open']>[0];

/** The device with the blocks: the one place here that knows how an engine is handed it. */
function mainOf(devices: Devices): BlockDevice {
  return devices.main;
}

/** What the engine promises on the scenario's drive. */
export function contractOf({ engine, engineConfig, scenario }: ReadyScenario): DurabilityContract {
  return engine.contractFor(engineConfig, geometriesOf(scenario));
}

/** What the header of the in-place engine begins with once it has been opened. */
const openedMark = 2;

type Open = () => Promise<EngineSession>;

export interface Opening {
  readonly device: BlockDevice;
  /** What the header begins with, as the device has just answered. */
  readonly mark: number;
  /** Whether the engine was opened before on what this device holds. */
  readonly isReopened: boolean;
  /** Opens as the engine would have. */
  readonly asUsual: Open;
}

/** How an engine departs from the in-place engine, which keeps its promises. */
export interface Alterations {
  readonly promises?: Partial<Record<FaultClass, FaultPromise>>;
  /** Comes after the engine's own format. */
  format?(device: BlockDevice): Promise<void>;
  open?(opening: Opening): Promise<EngineSession>;
}

export function alterEngine(engine: EngineAdapter, alterations: Alterations): EngineAdapter {
  return {
    ...engine,
    contractFor: (...configured) => {
      const contract = engine.contractFor(...configured);
      return { ...contract, promises: { ...contract.promises, ...alterations.promises } };
    },
    format: async (devices, ...rest) => {
      await engine.format(devices, ...rest);
      await alterations.format?.(mainOf(devices));
    },
    open: async (devices, ...rest) => {
      const asUsual: Open = () => engine.open(devices, ...rest);
      if (alterations.open === undefined) return asUsual();
      const device = mainOf(devices);
      const [mark = 0] = await readBlock(device, headerLba);
      return alterations.open({ device, mark, isReopened: mark === openedMark, asUsual });
    },
  };
}

export async function alteredScenario(
  changes: ScenarioChanges,
  alterations: Alterations,
): Promise<ReadyScenario> {
  const ready = await readyScenario(changes);
  return { ...ready, engine: alterEngine(ready.engine, alterations) };
}

/** The same session but for what is replaced. */
export function sessionWith(
  session: EngineSession,
  changes: Partial<EngineSession>,
): EngineSession {
  return {
    space: session.space,
    recovery: session.recovery,
    submit: (op, payload) => session.submit(op, payload),
    read: (block, target) => session.read(block, target),
    counters: () => session.counters(),
    close: () => session.close(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    ...changes,
  };
}

/** Serves zeros for the blocks. */
export function blanking(
  session: EngineSession,
  blocks: ReadonlySet<BlockNumber>,
): EngineSession['read'] {
  const { blockBytes } = session.space;
  return async (first, target) => {
    await session.read(first, target);
    for (let at = 0; at < target.length; at += blockBytes) {
      if (blocks.has(first + at / blockBytes)) target.fill(0, at, at + blockBytes);
    }
  };
}

/** Where the in-place engine keeps its header. */
const headerLba = 0;
/** Where its block 0 lies, on a drive whose logical blocks are as large as the engine's. */
const firstDataLba = 1;

export const headerBytes = { byteOffset: headerLba, byteCount: 4096 } as const;
/** All that may hold acknowledged writes on the drive of `smallScenario`. */
export const dataBytes = { byteOffset: firstDataLba * 4096, byteCount: 16 * 4096 } as const;

export async function readBlock(device: BlockDevice, lba: number): Promise<Uint8Array> {
  const target = device.allocate(4096);
  await device.read(lba, target);
  return target;
}

/** Overwrites all blocks with zeros, durably. */
export async function wipeData(device: BlockDevice): Promise<void> {
  const zeros = device.allocate(dataBytes.byteCount);
  await device.write(firstDataLba, zeros, { fua: true });
}
