import type { ToolText } from '../../../harness/contract/index.ts';
import type { Calibration } from '../format/superblock.ts';
import { freePlacesWords } from './free-places.ts';
import type { JournalInfo } from './info.ts';
import { formatBytes, formatMicroseconds, formatPercent } from './quantities.ts';

export function infoText(journal: JournalInfo): ToolText {
  return [
    `journal ${journal.uuid}, ${journal.isClean ? 'closed cleanly' : 'not closed cleanly'}`,
    mannerRows(journal),
    'log',
    logRows(journal),
    'superblocks',
    superblockRows(journal),
    'epochs',
    epochRows(journal),
    ...(journal.consumers.length === 0 ? [] : ['consumers', consumerRows(journal)]),
    'areas',
    areaRows(journal),
  ];
}

function mannerRows(journal: JournalInfo): string[][] {
  const { geometry, keyId, durability } = journal;
  const { pageBytes, atomicUnitBytes, logicalBlockBytes, ringPages, segmentPages } = geometry;
  const trust = journal.trustsAtomicUnit ? ', trusted beyond the logical block' : '';
  const stamps = atomicUnitBytes < pageBytes ? ', pages are stamped' : '';
  return [
    ['  mode', `${journal.mode}${journal.isStrict ? ', strict' : ''}`],
    ['  double-write', journal.doubleWrite],
    ['  encryption', keyId === null ? 'none' : `AES-256-GCM, key ${keyId}`],
    ['  page', formatBytes(pageBytes)],
    ['  atomic unit', `${formatBytes(atomicUnitBytes)}${trust}${stamps}`],
    ['  logical block', formatBytes(logicalBlockBytes)],
    [
      '  ring',
      `${formatBytes(ringPages * pageBytes)}: ${ringPages} pages, ${ringPages / segmentPages} segments of ${segmentPages}`,
    ],
    ['  volume', volumeWords(journal)],
    ...(journal.freePlaces === null
      ? []
      : [['  free places', freePlacesWords(journal.freePlaces)]]),
    [
      '  durability',
      `journal ${pathWords(durability.journal)}; data ${pathWords(durability.data)}`,
    ],
  ];
}

function volumeWords({
  geometry: { dataBlocks, spareBlocks, dataDeviceBytes },
}: JournalInfo): string {
  const spare = spareBlocks === 0 ? '' : `, ${spareBlocks} spare`;
  const apart =
    dataDeviceBytes === 0 ? '' : `, on a device of its own (${formatBytes(dataDeviceBytes)})`;
  return `${formatBytes(dataBlocks * 4096)}: ${dataBlocks} blocks${spare}${apart}`;
}

const pathNames: Readonly<Record<Calibration['path'], string>> = {
  none: 'needs nothing',
  fua: 'by FUA',
  flush: 'by flush',
};

function pathWords({ path, fuaNs, flushNs }: Calibration): string {
  if (fuaNs === 0 && flushNs === 0) return `${pathNames[path]} (not measured)`;
  return `${pathNames[path]} (FUA ${formatMicroseconds(fuaNs)}, write and flush ${formatMicroseconds(flushNs)})`;
}

function logRows({ log, geometry: { ringPages } }: JournalInfo): string[][] {
  const { headPage, headLsn, usedPages } = log;
  const head = headPage === null ? 'unknown' : `page ${headPage}, LSN ${headLsn!}`;
  const usage =
    usedPages === null
      ? 'unknown'
      : `${usedPages} of ${ringPages} pages, ${formatPercent(usedPages, ringPages)}`;
  return [
    ['  tail', `page ${log.tailPage}, LSN ${log.tailLsn}`],
    ['  head', `${head} (${log.note})`],
    ['  in use', usage],
    ['  durable', `LSN ${log.durableLsn}, as the superblock knows`],
    ['  claimed end', `page ${log.claimedEnd}`],
    ['  LSN floor', `${log.nextLsnFloor}`],
    ['  released', `LSN ${log.releasedLsn}`],
    ['  window', `${log.windowPages} pages`],
  ];
}

function superblockRows({ superblocks }: JournalInfo): string[][] {
  return superblocks.map(({ slot, byteOffset, state, sequence, isNewest }) => [
    `  slot ${slot}`,
    `byte ${byteOffset}`,
    state,
    sequence === undefined ? '' : `sequence ${sequence}`,
    isNewest ? 'newest' : '',
  ]);
}

function epochRows({ epochs }: JournalInfo): string[][] {
  return epochs.map(({ epoch, epochFrom, firstPage, firstLsn }) => [
    `  epoch ${epochFrom === epoch ? epoch : `${epochFrom}-${epoch}`}`,
    `from page ${firstPage}`,
    `LSN ${firstLsn}`,
  ]);
}

function consumerRows({ consumers }: JournalInfo): string[][] {
  return consumers.map(({ name, watermark }) => [`  ${name}`, `done up to LSN ${watermark}`]);
}

const areaNames: Readonly<Record<string, string>> = {
  superblockLow: 'superblocks 0, 1',
  superblockHigh: 'superblocks 2, 3',
  doubleWrite: 'double-write',
};

function areaRows({ areas }: JournalInfo): string[][] {
  return areas
    .filter(({ byteCount }) => byteCount > 0)
    .map(({ name, byteOffset, byteCount }) => [
      `  ${areaNames[name] ?? name}`,
      `byte ${byteOffset}`,
      formatBytes(byteCount),
    ]);
}
