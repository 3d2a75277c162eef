import type {
  AreaPromises,
  DeviceGeometries,
  FaultClass,
  FaultPromise,
} from '../../harness/contract/index.ts';
import type { JournalConfig } from './config.ts';
import { doubleWriteFor } from './format/layout.ts';

/** Faults of which it matters what they hit. */
export type AreaFault = Extract<
  FaultClass,
  'lost-write' | 'torn-write' | 'misdirected-write' | 'bit-rot' | 'stale-read'
>;

/** What the journal promises of a fault, by the area it hits. */
export function areaPromises(
  fault: AreaFault,
  config: JournalConfig,
  { main, data }: DeviceGeometries,
): AreaPromises {
  const isMirrored = doubleWriteFor(config, data ?? main) === 'full';
  return {
    byArea: {
      label: survives('the label is never read'),
      superblock: ofSuperblock[fault],
      'data-label': detects('a data device whose label is not whole is refused'),
      journal: isMirrored ? mirrored[fault] : inRing(fault, config),
      mirror: survives('the ring has every page as well, and is read first'),
      'double-write': detects(
        'a generation counts only whole; without it a torn map page is refused, and the log has any other block',
      ),
      map: ofMap[fault],
      data: ofData(config),
      other: survives('nothing lies there'),
    },
  };
}

const inBoth = survives(
  'double write "full": every acknowledged page is durable in ring and mirror, and the better copy is taken',
);

const mirrored: Readonly<Record<AreaFault, FaultPromise>> = {
  'lost-write': inBoth,
  'torn-write': inBoth,
  // A page astray in a slot whose other copy a power cut tore is the only whole one there.
  'misdirected-write': detects(
    'both copies are compared; a page at the wrong slot that is the only whole one there is refused (I25)',
  ),
  'bit-rot': inBoth,
  'stale-read': inBoth,
};

/** STRICT acknowledges only what a later durable page names, so nothing can vanish unnoticed. */
function inRing(fault: AreaFault, { strict }: JournalConfig): FaultPromise {
  const { level, citation, except } = ofJournal[fault];
  if (!strict || except === undefined) return ofJournal[fault];
  return { level, citation: `${citation}; STRICT: which is durable before the acknowledgement` };
}

const ofJournal: Readonly<Record<AreaFault, FaultPromise>> = {
  'lost-write': uncarried(
    'R1 to R3: one lost journal write is missed by the watermark of a later page',
  ),
  'torn-write': uncarried(
    'the page CRC fails; with sector stamps a torn page looks like one cut by power',
  ),
  'misdirected-write': uncarried(
    'a page at the wrong slot is refused (I25); 64 KiB to 1 MiB of guard space around the ring',
  ),
  'bit-rot': detects(
    'R1 and R3: a page with a bad CRC is never taken for the end of the log (I10)',
  ),
  'stale-read': uncarried('R1 and R2: the watermark of a later page misses it'),
};

const ofSuperblock: Readonly<Record<AreaFault, FaultPromise>> = {
  'lost-write': detects(
    'the other copy of the pair, or rule R7, makes up for lost superblock writes',
  ),
  'torn-write': detects('a torn copy fails its CRC; four copies, and rule R7 where a pair is lost'),
  'misdirected-write': detects(
    'a copy of the other pair is refused by its number; 64 KiB of guard space',
  ),
  'bit-rot': detects('a rotten copy fails CRC or digest; four copies, and rule R7 (I26)'),
  'stale-read': detects('the other copy of the pair, or rule R7'),
};

/**
 * A map page is checked for what it is, not for whether it is the newest of itself. The page of free
 * places is, and the map says all that it does: it is passed over, whatever became of it.
 */
const ofMap: Readonly<Record<AreaFault, FaultPromise>> = {
  'lost-write': nothing('an older version of a map page is whole and looks right'),
  'torn-write': detects('the CRC of the map page fails'),
  'misdirected-write': nothing('an older version of a map page is whole and looks right'),
  'bit-rot': detects('the CRC of the map page fails'),
  'stale-read': nothing('an older version of a map page is whole and looks right'),
};

function ofData({ mode }: JournalConfig): FaultPromise {
  return mode === 'ordered'
    ? detects('the block map has the checksum of every block, and a read holds it against that')
    : nothing('blocks in place carry no checksum in this mode');
}

export function survives(citation: string): FaultPromise {
  return { level: 'survives', citation };
}

export function detects(citation: string): FaultPromise {
  return { level: 'detects', citation };
}

export function uncarried(citation: string): FaultPromise {
  return { ...detects(`${citation}; JOURNAL-ENGINE §4.6`), except: 'not-carried' };
}

export function nothing(citation: string): FaultPromise {
  return { level: 'nothing', citation };
}
