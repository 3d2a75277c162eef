import type { ToolText } from '../../../harness/contract/index.ts';
import type { CheckReport } from './check.ts';
import { freePlacesWords } from './free-places.ts';
import { isLog, type DurableWitness, type LogEvidence, type PageEvidence } from './log-evidence.ts';
import type { SuperblockCopy } from './medium.ts';
import { formatRanges } from './number-ranges.ts';
import type { Rehearsal } from './rehearse.ts';

export function checkText(report: CheckReport): ToolText {
  const { verdict, rule, conclusion, reasons, copies, log, recovery, freePlaces } = report;
  const by = rule === undefined ? '' : ` (${/^R\d$/.test(rule) ? '' : 'rule '}${rule})`;
  const rows = [
    ...(report.journal === undefined ? [] : [['journal', report.journal.uuid]]),
    ['superblock', copies.map(copyWords).join(', ')],
    ...(log === undefined || !isLog(log) ? [] : logRows(log)),
    ['recovery', recoveryWords(recovery)],
    ...(freePlaces === undefined ? [] : [['free places', freePlacesWords(freePlaces)]]),
  ];
  return [
    `${verdict.toUpperCase()}${by}: ${conclusion}`,
    rows,
    ...(reasons.length === 0 ? [] : [reasons.map((reason) => `- ${reason}`).join('\n')]),
    ...(log === undefined || !isLog(log) ? [] : pageTable(log)),
  ];
}

function copyWords({ slot, state, sequence, isNewest }: SuperblockCopy): string {
  if (state !== 'valid') return `slot ${slot} ${state}`;
  return `slot ${slot} ${isNewest ? 'newest' : 'older'} (${sequence!})`;
}

function logRows(log: LogEvidence): string[][] {
  const { tailPage, endPage, tailLsn, lastLsn, epoch, durableLsn, claimedEnd, windowPages } = log;
  const extent =
    endPage === tailPage
      ? `empty, at page ${tailPage}`
      : `pages ${tailPage}-${endPage - 1}, LSN ${tailLsn} to ${lastLsn}`;
  return [
    ['log', `${extent}, epoch ${epoch}`],
    [
      'durable',
      durableLsn === 0 ? 'nothing named' : `LSN ${durableLsn} by ${byWords(log.durableBy)}`,
    ],
    ['claimed end', `page ${claimedEnd}`],
    [
      'window',
      `${windowPages} pages: ${endPage}-${endPage + windowPages - 1} may be in flight together`,
    ],
  ];
}

function byWords(witness: DurableWitness | undefined): string {
  if (witness?.kind === 'page') return `page ${witness.page}`;
  return 'the superblock';
}

function recoveryWords(recovery: Rehearsal | undefined): string {
  if (recovery === undefined) return 'not tried: it needs the data device, or the key';
  if (!recovery.opens) return `would refuse: ${recovery.message}`;
  const { recordsReplayed, blocksWritten, recordsKept, damage } = recovery;
  const refuses = damage === undefined ? '' : `; then it would refuse: ${damage.message}`;
  return `would open: ${recordsReplayed} records replayed, ${blocksWritten} blocks written, ${recordsKept} appended records kept${refuses}`;
}

function pageTable({ pages, pagesLeftOut }: LogEvidence): ToolText {
  const rows = pages.map(({ page, slot, byteOffset, state, finding }) => [
    `page ${page}`,
    `slot ${slot}`,
    `byte ${byteOffset}`,
    state,
    finding,
  ]);
  const stamps = pages.flatMap(stampRows);
  return [
    rows,
    ...(stamps.length === 0 ? [] : [stamps]),
    ...(pagesLeftOut === 0
      ? []
      : [`and ${pagesLeftOut} pages more; powercut journal dump shows them`]),
  ];
}

/** Sectors with the same stamp in one row. */
function stampRows({ page, sectors }: PageEvidence): string[][] {
  const byStamp = new Map<string, number[]>();
  sectors.forEach(({ stamp, from }, sector) => {
    const key = `${stamp} ${from}`;
    byStamp.set(key, [...(byStamp.get(key) ?? []), sector]);
  });
  return [...byStamp].map(([key, numbers]) => {
    const [stamp, from] = key.split(' ') as [string, string];
    return [`page ${page}`, `sector ${formatRanges(numbers)}`, `stamp ${stamp}`, stampWords[from]!];
  });
}

const stampWords: Readonly<Record<string, string>> = {
  expected: 'of the write expected here',
  older: 'of an older write',
  unknown: 'of no write that was ever made here',
};
