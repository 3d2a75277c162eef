import { pageAt } from '../format/page.ts';
import type { RingScan } from './ring-scan.ts';
import type { NextBatch } from './tail-rules.ts';

/** What stands at the log's end, where the batch after the last whole one would begin. */
export function inspectNextBatch(
  scan: RingScan,
  endPageSeq: number,
  windowPages: number,
): NextBatch {
  const room = scan.bounds.tailPageSeq + scan.ringPages - endPageSeq;
  if (room <= 0) return 'unwritten';
  const first = scan.stateOf(endPageSeq);
  if (first === 'stale') return 'unwritten';
  if (first === 'torn') return 'unfinished';
  const pageCount = pagesOfBatchAt(scan, endPageSeq, Math.min(windowPages, room));
  if (pageCount === undefined) return first === 'rotten' ? 'rotten' : 'unchained';
  return judgePages(scan, endPageSeq, pageCount);
}

/** One missing or torn page proves that the batch was not durable, whatever became of the others. */
function judgePages(scan: RingScan, endPageSeq: number, pageCount: number): NextBatch {
  let isRotten = false;
  for (let index = 0; index < pageCount; index++) {
    const state = scan.stateOf(endPageSeq + index);
    if (state === 'stale' || state === 'torn') return 'unfinished';
    if (state === 'rotten') isRotten = true;
  }
  return isRotten ? 'rotten' : 'unchained';
}

/** How many pages the batch that begins here has, as any whole page of it says. */
function pagesOfBatchAt(scan: RingScan, endPageSeq: number, pagesMax: number): number | undefined {
  const { view } = scan.pages;
  for (let index = 0; index < pagesMax; index++) {
    if (!scan.isCurrent(endPageSeq + index)) continue;
    const at = scan.offsetOf(endPageSeq + index);
    if (view.getUint16(at + pageAt.batchIndex, true) !== index) return undefined;
    const pageCount = view.getUint16(at + pageAt.batchPages, true);
    return pageCount > index && pageCount <= pagesMax ? pageCount : undefined;
  }
  return undefined;
}
