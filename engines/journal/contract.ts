import type {
  AreaPromises,
  DeviceGeometry,
  DurabilityContract,
  EngineArea,
  FaultPromise,
} from '../../harness/contract/index.ts';
import type { JournalConfig } from './config.ts';
import { planLayout } from './format/layout.ts';

/** What the journal promises; README.md, "Contract", is the long form. */
export function contractFor(config: JournalConfig, geometry: DeviceGeometry): DurabilityContract {
  return {
    durableWhen: 'acknowledged',
    atomicUnit: 'operation',
    ordering: 'prefix',
    recoveryIsIdempotent: true,
    recoveryRequestsMax: recoveryRequestsMax(config, geometry),
    promises: {
      'power-loss': powerLoss(config, geometry),
      'process-kill': survives(
        'JOURNAL-ENGINE §4.7, ack rule: nothing acknowledged is only in memory',
      ),
      'flush-ignored': flushIgnored(geometry),
      'lost-write': byArea(
        uncarried('R1 to R3: one lost journal write is missed by the watermark of a later page'),
        detects('the other copy of the pair, or rule R7, makes up for lost superblock writes'),
      ),
      'torn-write': byArea(
        uncarried('the page CRC fails; with sector stamps a torn page looks like one cut by power'),
        detects('a torn copy fails its CRC; four copies, and rule R7 where a pair is lost'),
      ),
      'misdirected-write': byArea(
        uncarried(
          'a page at the wrong slot is refused (I25); 64 KiB to 1 MiB of guard space around the ring',
        ),
        detects('a copy of the other pair is refused by its number; 64 KiB of guard space'),
      ),
      'bit-rot': byArea(
        detects('R1 and R3: a page with a bad CRC is never taken for the end of the log (I10)'),
        detects('a rotten copy fails CRC or digest; four copies, and rule R7 (I26)'),
      ),
      'stale-read': byArea(
        uncarried('R1 and R2: the watermark of a later page misses it'),
        detects('the other copy of the pair, or rule R7'),
      ),
      'read-error': detects('JOURNAL-ENGINE §4.6: read again by logical block, then refused'),
      'write-error': survives(failStop),
      'flush-error': survives(failStop),
      'short-write': survives(failStop),
      'no-space': survives(failStop),
      'slow-device': survives('no decision of the journal depends on time'),
    },
  };
}

const failStop =
  'JOURNAL-ENGINE §4.10: the first failed write or flush stops the journal; reopening recovers';

function powerLoss(config: JournalConfig, geometry: DeviceGeometry): FaultPromise {
  const isGivenUp = geometry.writeCache === 'volatile' && config.durability === 'none';
  return isGivenUp
    ? nothing('durability "none" on a volatile write cache acknowledges what the cache holds')
    : survives('JOURNAL-ENGINE §4.7, ack rule, and R1 to R7');
}

function flushIgnored(geometry: DeviceGeometry): FaultPromise {
  return geometry.writeCache === 'none'
    ? survives('a drive without a volatile cache has nothing to flush')
    : nothing('no engine can know that a drive lies about flush');
}

function byArea(journal: FaultPromise, superblock: FaultPromise): AreaPromises {
  return {
    byArea: {
      label: survives('the label is never read'),
      superblock,
      journal,
      data: nothing('blocks in place carry no checksum in this version (no block map)'),
      other: survives('nothing lies there'),
    },
  };
}

function survives(citation: string): FaultPromise {
  return { level: 'survives', citation };
}

function detects(citation: string): FaultPromise {
  return { level: 'detects', citation };
}

function uncarried(citation: string): FaultPromise {
  return { ...detects(`${citation}; JOURNAL-ENGINE §4.6`), except: 'not-carried' };
}

function nothing(citation: string): FaultPromise {
  return { level: 'nothing', citation };
}

/**
 * Flush, the superblock's slots and their repair, the label of a data device, the ring (in large
 * reads, then page by page, then block by block), one write per replayed block, and the claim.
 */
function recoveryRequestsMax(config: JournalConfig, geometry: DeviceGeometry): number {
  const { ringPages, dataBlocks } = config;
  const readsPerPage = 2 + config.pageBytes / geometry.logicalBlockBytes;
  const fixed = 20;
  return fixed + ringPages * readsPerPage + Math.min(ringPages, dataBlocks);
}

/** Where faults can be aimed; the gaps between the areas hold nothing. */
export function areasOf(config: JournalConfig, geometry: DeviceGeometry): readonly EngineArea[] {
  const { label, superblockLow, superblockHigh, ring, data } = planLayout(
    config,
    geometry,
    undefined,
  ).extents;
  return [
    { name: 'label', ...label },
    { name: 'superblock', ...superblockLow },
    { name: 'superblock', ...superblockHigh },
    { name: 'journal', ...ring },
    { name: 'data', ...data },
  ];
}
