import type {
  DeviceGeometries,
  DurabilityContract,
  EngineArea,
  FaultPromise,
} from '../../harness/contract/index.ts';
import { areaPromises, detects, nothing, survives } from './area-promises.ts';
import type { JournalConfig } from './config.ts';
import { mapPagesFor } from './format/map-page.ts';
import {
  canTearBlocks,
  doubleWriteFor,
  generationBlocksMax,
  generationBytes,
  isMapped,
  mirrorExtent,
  planLayout,
} from './format/layout.ts';
import { mapChangeBytes } from './format/payloads.ts';

/** What the journal promises; README.md, "Contract", is the long form. */
export function contractFor(
  config: JournalConfig,
  geometries: DeviceGeometries,
): DurabilityContract {
  return {
    ...survivalOf(config, geometries),
    recoveryIsIdempotent: true,
    recoveryRequestsMax: recoveryRequestsMax(config, geometries),
    promises: {
      'power-loss': powerLoss(config, geometries),
      'process-kill': survives(
        'JOURNAL-ENGINE §4.7, ack rule: nothing acknowledged is only in memory',
      ),
      'flush-ignored': flushIgnored(geometries),
      'lost-write': areaPromises('lost-write', config, geometries),
      'torn-write': areaPromises('torn-write', config, geometries),
      'misdirected-write': areaPromises('misdirected-write', config, geometries),
      'bit-rot': areaPromises('bit-rot', config, geometries),
      'stale-read': areaPromises('stale-read', config, geometries),
      'read-error': detects('JOURNAL-ENGINE §4.6: read again by logical block, then refused'),
      'write-error': survives(failStop),
      'flush-error': survives(failStop),
      'short-write': survives(failStop),
      'no-space': survives(failStop),
      'slow-device': survives('no decision of the journal depends on time'),
    },
  };
}

type Survival = Pick<
  DurabilityContract,
  'durableWhen' | 'atomicUnit' | 'ordering' | 'unflushedContents'
>;

/**
 * By mode; of appended records every mode does better than the last two say: they are durable when
 * they are acknowledged, in order, and whole.
 */
function survivalOf(config: JournalConfig, { main, data }: DeviceGeometries): Survival {
  switch (config.mode) {
    case 'journal':
    case 'ordered':
    case 'undo-redo':
      return {
        durableWhen: 'acknowledged',
        atomicUnit: 'operation',
        ordering: 'prefix',
        unflushedContents: 'old-or-new',
      };
    case 'writeback':
      return {
        durableWhen: 'flushed',
        atomicUnit: 'block',
        ordering: 'none',
        unflushedContents: 'anything',
      };
    case 'none':
      return {
        durableWhen: 'flushed',
        atomicUnit: 'block',
        ordering: 'none',
        unflushedContents: canTearBlocks(data ?? main, config) ? 'anything' : 'old-or-new',
      };
  }
}

const failStop =
  'JOURNAL-ENGINE §4.10: the first failed write or flush stops the journal; reopening recovers';

function powerLoss(config: JournalConfig, geometries: DeviceGeometries): FaultPromise {
  const isGivenUp = hasVolatileCache(geometries) && config.durability === 'none';
  if (isGivenUp) {
    return nothing('durability "none" on a volatile write cache acknowledges what the cache holds');
  }
  return mayTearMap(config, geometries)
    ? detects('a map page that power loss has torn is refused; double writing would repair it')
    : survives('JOURNAL-ENGINE §4.7, ack rule, and R1 to R7');
}

function mayTearMap(config: JournalConfig, { main, data }: DeviceGeometries): boolean {
  const device = data ?? main;
  const isDoubled = doubleWriteFor(config, device) !== 'off';
  return isMapped(config.mode) && !isDoubled && canTearBlocks(device, config);
}

function flushIgnored(geometries: DeviceGeometries): FaultPromise {
  return hasVolatileCache(geometries)
    ? nothing('no engine can know that a drive lies about flush')
    : survives('a drive without a volatile cache has nothing to flush');
}

function hasVolatileCache({ main, data }: DeviceGeometries): boolean {
  return main.writeCache === 'volatile' || data?.writeCache === 'volatile';
}

/**
 * Flush, the superblock's slots and their repair, the label of a data device, the ring (in large
 * reads, then page by page, then block by block), one write per replayed block, and the claim. A
 * mirror is read like the ring, and each page of the log may be written back to one of the two; each
 * copy of a generation is compared with its place and written there; each page of the map that the log
 * changes is read, and written, and so is that of free places.
 */
function recoveryRequestsMax(config: JournalConfig, { main, data }: DeviceGeometries): number {
  const { ringPages, dataBlocks } = config;
  const doubleWrite = doubleWriteFor(config, data ?? main);
  const readsPerPage = 2 + config.pageBytes / main.logicalBlockBytes;
  const fixed = 20;
  const mirror = doubleWrite === 'full' ? ringPages * (readsPerPage + 1) : 0;
  const generations = doubleWrite === 'off' ? 0 : 8 + 4 * generationBlocksMax;
  const map = isMapped(config.mode) ? 3 * (changedMapPagesMax(config) + 1) : 0;
  return (
    fixed +
    ringPages * readsPerPage +
    mirror +
    generations +
    map +
    2 * Math.min(ringPages, dataBlocks)
  );
}

/** Of those that the volume has, as many as the ring has room for changes of blocks. */
function changedMapPagesMax({ ringPages, pageBytes, dataBlocks }: JournalConfig): number {
  const changesMax = ringPages * Math.ceil(pageBytes / mapChangeBytes);
  return Math.min(mapPagesFor(dataBlocks), changesMax);
}

/** Where faults can be aimed; the gaps between the areas hold nothing. */
export function areasOf(
  config: JournalConfig,
  { main, data: own }: DeviceGeometries,
): readonly EngineArea[] {
  const layout = planLayout(config, main, own);
  const { label, superblockLow, superblockHigh, doubleWrite, ring, map, data } = layout.extents;
  const generations = {
    ...doubleWrite,
    byteCount: Math.min(doubleWrite.byteCount, 2 * generationBytes),
  };
  const isMirrored = doubleWriteFor(config, own ?? main) === 'full';
  const dataDevice = own === undefined ? 0 : 1;
  const areas: readonly EngineArea[] = [
    { name: 'label', device: 0, ...label },
    { name: 'superblock', device: 0, ...superblockLow },
    { name: 'superblock', device: 0, ...superblockHigh },
    { name: 'double-write', device: 0, ...generations },
    ...(isMirrored ? [{ name: 'mirror', device: 0, ...mirrorExtent(layout) } as const] : []),
    { name: 'journal', device: 0, ...ring },
    { name: 'map', device: dataDevice, ...map },
    { name: 'data', device: dataDevice, ...data },
    ...(own === undefined ? [] : [{ name: 'data-label', device: 1, ...label } as const]),
  ];
  return areas.filter(({ byteCount }) => byteCount > 0);
}
