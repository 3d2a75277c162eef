import { EngineRefusal, type ToolAnswer, type ToolSite } from '../../../harness/contract/index.ts';
import type { Superblock } from '../format/superblock.ts';
import type { CorruptionRule } from '../recovery/corruption.ts';
import { readLogPages } from '../double-write/mirrored-ring.ts';
import { checkText } from './check-text.ts';
import { readFreePlaces, type FreePlaces } from './free-places.ts';
import { gatherLogEvidence, isLog, type LogEvidence, type NoLog } from './log-evidence.ts';
import { readMedium, type Medium, type SuperblockCopy } from './medium.ts';
import { openOptionsFor } from './open-options.ts';
import { formatUuid } from './quantities.ts';
import { rehearseRecovery, type Rehearsal } from './rehearse.ts';
import { disposeKeys, readingOptions, toolKeysFor, type ReadingOptions } from './tool-keys.ts';
import { reasonsFor } from './check-reasons.ts';

/**
 * `clean` and `torn`: nothing acknowledged is missing. `repairable`: something is damaged, and
 * recovery has a second copy of it. `corrupt`: acknowledged records are missing, or may be.
 * `unknown`: what decides it cannot be read here.
 */
export type CheckVerdict = 'clean' | 'torn' | 'repairable' | 'corrupt' | 'unknown';

/** Acknowledged records that are missing, or that may be. */
export interface LostRange {
  readonly fromLsn: number;
  /** Undefined where nothing says how far the log once went. */
  readonly toLsn: number | undefined;
  /** The medium itself says that they were durable. */
  readonly isCertain: boolean;
}

export interface CheckReport {
  readonly verdict: CheckVerdict;
  /** What decided it: R1 to R7 of the README, or the name of another rule there. */
  readonly rule: CorruptionRule | TailRule | 'superblock' | undefined;
  /** One sentence. */
  readonly conclusion: string;
  /** How it follows from the evidence, in the order in which one would check it. */
  readonly reasons: readonly string[];
  readonly lost: LostRange | undefined;
  readonly journal:
    { readonly uuid: string; readonly isClean: boolean; readonly sequence: number } | undefined;
  readonly copies: readonly SuperblockCopy[];
  readonly log: LogEvidence | NoLog | undefined;
  /** The real recovery, run over a copy of what it would write; undefined where it could not be tried. */
  readonly recovery: Rehearsal | undefined;
  /** Undefined where there is no such page, or no way to it. */
  readonly freePlaces: FreePlaces | undefined;
}

type TailRule = LogEvidence['verdict']['rule'];

/** Throws EngineRefusal `not-formatted` or `incompatible` where there is no journal to judge. */
export async function check(site: ToolSite): Promise<ToolAnswer> {
  const report = await checkJournal(site);
  return { data: { ...report }, text: checkText(report), outcome: outcomeOf(report.verdict) };
}

export async function checkJournal(site: ToolSite): Promise<CheckReport> {
  const medium = await readMedium(site);
  const { superblock, copies } = medium;
  if (superblock instanceof EngineRefusal) return withoutSuperblock(superblock, copies);
  const options = readingOptions.parse(site.options);
  const log = await logOf(medium, superblock, options);
  const recovery = await rehearsalOf(site, superblock, options);
  const verdict = verdictOf(log, recovery);
  const isLogLost = verdict === 'corrupt' && recovery?.opens !== true;
  const lost = isLogLost && isLog(log) ? lostRangeOf(log) : undefined;
  const freePlaces = await freePlacesOf(site, medium, superblock, log);
  const uuid = formatUuid(superblock.identity.uuid);
  const found = { verdict, rule: ruleOf(log, recovery), lost, copies, log, recovery };
  return {
    ...found,
    ...reasonsFor(found),
    freePlaces,
    journal: { uuid, isClean: superblock.isClean, sequence: superblock.sequence },
  };
}

export async function logOf(
  { io, crc32c }: Medium,
  superblock: Superblock,
  options: ReadingOptions,
): Promise<LogEvidence | NoLog> {
  const keys = await toolKeysFor(superblock, options);
  try {
    const { ring } = await readLogPages(io, superblock, crc32c);
    return gatherLogEvidence(ring, superblock, crc32c, keys);
  } finally {
    disposeKeys(keys);
  }
}

/** Whether it may be relied on depends on where the log ends. */
async function freePlacesOf(
  site: ToolSite,
  medium: Medium,
  superblock: Superblock,
  log: LogEvidence | NoLog,
): Promise<FreePlaces | undefined> {
  if (!isLog(log)) return undefined;
  const { isRebuilt, tailLsn, lastLsn } = log;
  const freePageLsn = Math.max(superblock.freePageLsn, isRebuilt ? tailLsn : 0);
  return readFreePlaces(site, medium, { ...superblock, freePageLsn }, lastLsn + 1);
}

/** Without the data device or the key there is no trying: recovery would refuse for that alone. */
async function rehearsalOf(
  site: ToolSite,
  superblock: Superblock,
  { encryption }: ReadingOptions,
): Promise<Rehearsal | undefined> {
  const isApart = superblock.layout.dataDeviceBytes > 0;
  if (isApart && site.devices.data === undefined) return undefined;
  if (superblock.keyId !== undefined && encryption === undefined) return undefined;
  return rehearseRecovery(site, openOptionsFor(superblock, encryption && { encryption }));
}

function withoutSuperblock(refusal: EngineRefusal, copies: readonly SuperblockCopy[]): CheckReport {
  if (refusal.reason !== 'corrupt' && refusal.reason !== 'device-error') throw refusal;
  return {
    verdict: refusal.reason === 'corrupt' ? 'corrupt' : 'unknown',
    rule: 'superblock',
    conclusion: `${refusal.message}: nothing says where the log begins`,
    reasons: [],
    lost: undefined,
    journal: undefined,
    copies,
    log: undefined,
    recovery: undefined,
    freePlaces: undefined,
  };
}

function verdictOf(log: LogEvidence | NoLog, recovery: Rehearsal | undefined): CheckVerdict {
  if (!isLog(log) && log.reason !== 'corrupt') return 'unknown';
  const end = isLog(log) ? log.verdict.end : 'corrupt';
  // Whether the records replay is part of the verdict.
  if (recovery === undefined) return end === 'corrupt' ? 'corrupt' : 'unknown';
  if (recovery.opens && recovery.damage !== undefined) {
    return recovery.damage.reason === 'corrupt' ? 'corrupt' : 'unknown';
  }
  if (recovery.opens) return end === 'corrupt' ? 'repairable' : end;
  return recovery.reason === 'corrupt' ? 'corrupt' : 'unknown';
}

function ruleOf(log: LogEvidence | NoLog, recovery: Rehearsal | undefined): CheckReport['rule'] {
  if (recovery?.opens === false && recovery.rule !== undefined) return recovery.rule;
  if (recovery?.opens === true && recovery.damage !== undefined) return undefined;
  return isLog(log) ? log.verdict.rule : log.rule;
}

function lostRangeOf({ lastLsn, durableLsn, seenLsn }: LogEvidence): LostRange {
  const fromLsn = lastLsn + 1;
  if (durableLsn > lastLsn) return { fromLsn, toLsn: durableLsn, isCertain: true };
  return { fromLsn, toLsn: seenLsn > lastLsn ? seenLsn : undefined, isCertain: false };
}

function outcomeOf(verdict: CheckVerdict): ToolAnswer['outcome'] {
  if (verdict === 'corrupt') return 'damaged';
  return verdict === 'unknown' ? 'unknown' : 'ok';
}
