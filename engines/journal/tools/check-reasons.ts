import type { CheckReport } from './check.ts';
import { isLog, type DurableWitness, type LogEvidence, type PageEvidence } from './log-evidence.ts';
import { named } from './number-ranges.ts';

type Found = Pick<CheckReport, 'verdict' | 'rule' | 'lost' | 'log' | 'recovery'>;

/** The verdict in a sentence, and how it follows from what was found. */
export function reasonsFor(found: Found): Pick<CheckReport, 'conclusion' | 'reasons'> {
  const { log, recovery } = found;
  const refusal = recovery?.opens === true ? recovery.damage?.message : recovery?.message;
  if (log === undefined || !isLog(log)) {
    const message = log?.message ?? 'there is no log to judge';
    return { conclusion: refusal ?? message, reasons: oddPageReasons(log?.oddPages ?? []) };
  }
  const reasons = [
    ...rebuiltReason(log),
    whereItEnds(log),
    ...tailReasons(log),
    ...durableReason(log),
  ];
  return { conclusion: conclusionFor(found, log, refusal), reasons };
}

function conclusionFor(
  { verdict, lost, rule }: Found,
  log: LogEvidence,
  refusal: string | undefined,
): string {
  switch (verdict) {
    case 'clean':
      return 'the log is whole and nothing follows it: nothing is lost';
    case 'torn':
      return 'power was lost while something was being written that nobody had been told was durable: nothing is lost';
    case 'repairable':
      return 'something is damaged, and recovery has a second copy of it: nothing is lost';
    case 'unknown':
      return `cannot be judged: ${refusal ?? 'whether the records can be replayed was not tried, which needs the data device'}`;
    case 'corrupt':
      break;
  }
  if (log.verdict.end !== 'corrupt') return refusal ?? `corrupt by rule ${rule ?? 'none'}`;
  const from = `LSN ${lost!.fromLsn}`;
  if (lost!.isCertain)
    return `the records with ${from} to ${lost!.toLsn!} were durable and are missing`;
  const seen = lost!.toLsn === undefined ? '' : ` (up to LSN ${lost!.toLsn} has been seen)`;
  return `records from ${from} on may have been durable and are missing${seen}`;
}

function oddPageReasons(
  pages: readonly { slot: number; pageSeq: number; epoch: number }[],
): string[] {
  return pages
    .slice(0, 8)
    .map(
      ({ slot, pageSeq, epoch }) => `slot ${slot} holds page ${pageSeq} of epoch ${epoch}, whole`,
    );
}

function rebuiltReason({ isRebuilt }: LogEvidence): string[] {
  if (!isRebuilt) return [];
  return [
    'Pages in the ring are newer than the newest superblock, so both copies of a later one are lost. Its tail and epochs stand in the ring as well and were taken from there (R7).',
  ];
}

function whereItEnds({ batches, tailPage, endPage, tailLsn, lastLsn }: LogEvidence): string {
  if (batches === 0) return `The log is empty: no batch stands at its tail, page ${endPage}.`;
  return `From the tail, page ${tailPage}, ${batches} whole batches follow one on the other, up to page ${endPage - 1}: LSN ${tailLsn} to ${lastLsn}.`;
}

/** Why what stands at the end means what it does. */
function tailReasons(log: LogEvidence): string[] {
  switch (log.verdict.rule) {
    case 'R5':
      return [
        `Nothing has been written in the place of page ${log.endPage}, and nothing of this epoch lies behind it: this is the end (R5).`,
      ];
    case 'R4':
      return tornReasons(log);
    case 'R1':
      return [...batchReasons(log), missingReason(log)];
    case 'R2':
      return [
        ...batchReasons(log),
        `Page ${log.newestPage} is whole. It is ${log.newestPage - log.endPage} pages behind the end, and no more than ${log.windowPages} pages are ever in flight together: page ${log.endPage} had been durable before it was written (R2).`,
      ];
    case 'R3':
      return [
        ...batchReasons(log),
        `Nothing shows that this batch was unfinished, so it may have been acknowledged. Power loss leaves a page old, new, or (between sectors) mixed, and never like this: it is damage, not a torn write (R3).`,
      ];
    case 'chain':
      return [
        `The batch at page ${log.endPage} is whole, but does not follow on the one before: number, digest or LSN differ, so something between them was replaced or lost.`,
      ];
  }
}

function tornReasons(log: LogEvidence): string[] {
  const followers = log.newestPage - log.endPage + 1;
  const missing = log.pages.filter(isMissing);
  const torn = log.pages.filter(({ state }) => state === 'torn');
  const reasons: string[] = [];
  if (torn.length > 0) {
    reasons.push(
      `${capital(named('page', numbersOf(torn)))}: some sectors are of the expected write and the rest of an older one. A drive tears only between sectors, so power was lost while this was written.`,
    );
  }
  if (missing.length > 0) {
    reasons.push(
      `${capital(named('page', numbersOf(missing)))} of what was in flight never arrived.`,
    );
  }
  reasons.push(
    `A batch is acknowledged only when all of its pages and all batches before it are durable, so nothing from page ${log.endPage} on was. Recovery drops it${followers > 1 ? `, ${followers} pages up to page ${log.newestPage}` : ''} (R4).`,
  );
  return reasons;
}

function batchReasons({ pages, endPage }: LogEvidence): string[] {
  const damaged = pages.filter(
    ({ state }) => state === 'rotten' || state === 'unreadable' || state === 'misplaced',
  );
  const missing = pages.filter(({ page, state }) => page === endPage && isOldState(state));
  return [
    ...damaged.slice(0, 4).map(({ page, finding }) => `Page ${page}: ${finding}.`),
    ...missing.map(({ page, finding }) => `Page ${page}: ${finding}.`),
  ];
}

function missingReason({
  durableLsn,
  lastLsn,
  durableBy,
  claimedEnd,
  endPage,
}: LogEvidence): string {
  if (durableLsn > lastLsn) {
    return `${capital(witnessWords(durableBy))} says that LSN ${durableLsn} was durable, and the log ends with LSN ${lastLsn}: acknowledged records are missing (R1).`;
  }
  return `An earlier recovery vouched for every page before page ${claimedEnd}, and the log ends before page ${endPage} (R1).`;
}

/** What was durable by the word of the medium itself, where that has not been said already. */
function durableReason(log: LogEvidence): string[] {
  const { verdict, durableLsn, lastLsn, durableBy, windowPages, endPage, newestPage } = log;
  if (durableLsn > lastLsn) return [];
  const watermark =
    durableLsn === 0
      ? 'No page and no superblock names any record as durable'
      : `The highest watermark is LSN ${durableLsn}, of ${witnessWords(durableBy)}`;
  if (verdict.end === 'corrupt') {
    return [`${watermark}. Whether anything behind was acknowledged, nothing here says.`];
  }
  const within =
    newestPage >= endPage
      ? ` Page ${newestPage}, the newest, lies within the window of ${windowPages} pages that may be in flight together.`
      : '';
  return [`${watermark}: the log holds all that was ever named as durable.${within}`];
}

function witnessWords(witness: DurableWitness | undefined): string {
  if (witness === undefined) return 'nothing';
  if (witness.kind === 'superblock') return `the superblock with sequence ${witness.sequence}`;
  return `page ${witness.page} (epoch ${witness.epoch}, slot ${witness.slot})`;
}

function isMissing({ state }: PageEvidence): boolean {
  return isOldState(state) || state === 'unwritten';
}

function isOldState(state: PageEvidence['state']): boolean {
  return state === 'empty' || state === 'retired' || state === 'dead' || state === 'unwritten';
}

function numbersOf(pages: readonly PageEvidence[]): number[] {
  return pages.map(({ page }) => page);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
