import { crc32c } from '@node-rs/crc32';
import type { CrashWindow } from '../../../harness/contract/index.ts';
import type { Journal } from '../journal.ts';
import { blockBytes } from '../format/layout.ts';
import { modelBlocks } from './setups.fixture.ts';

/** A change that was submitted. It takes effect at its place in the order of the log, or not at all. */
export interface Operation {
  readonly version: number;
  /** CRC of what each block holds afterwards. */
  readonly blocks: ReadonlyMap<number, number>;
  /** What `replay` must serve of it; undefined for a change of the volume. */
  readonly appended: string | undefined;
  readonly invokedAt: number;
  ackedAt: number;
  /** Undefined until it was acknowledged. */
  lsn: number | undefined;
  /** It was rejected without effect. */
  isRefused: boolean;
}

export interface Release {
  readonly lsn: number;
  readonly at: number;
}

/** What can be read of a journal, or what the model says of it. */
export interface Contents {
  /** CRC of each block of the model. */
  readonly blocks: ReadonlyMap<number, number>;
  /** Appended records, oldest first. */
  readonly appended: readonly string[];
}

export interface ModelRun {
  readonly operations: readonly Operation[];
  readonly releases: readonly Release[];
  readonly initial: Contents;
}

export function recordText(
  type: number,
  tenant: number,
  vshard: number,
  payload: Uint8Array,
): string {
  return `${type}/${tenant}/${vshard}/${payload.length}/${crc32c(payload)}`;
}

export async function contentsOf(journal: Journal): Promise<Contents> {
  const bytes = new Uint8Array(modelBlocks * blockBytes);
  await journal.read(0, bytes);
  const blocks = new Map<number, number>();
  for (let block = 0; block < modelBlocks; block++) {
    blocks.set(block, crc32c(bytes.subarray(block * blockBytes, (block + 1) * blockBytes)));
  }
  const appended: string[] = [];
  for await (const { type, tenant, vshard, payload } of journal.replay()) {
    appended.push(recordText(type, tenant, vshard, payload));
  }
  return { blocks, appended };
}

/**
 * Operations that had or may have had an effect, in the order of the log. What never got an LSN comes
 * last, in the order of submission.
 */
export function effective({ operations }: Pick<ModelRun, 'operations'>): Operation[] {
  const taken = operations.filter(({ isRefused }) => !isRefused);
  return taken.sort(
    (a, b) => (a.lsn ?? Number.MAX_VALUE) - (b.lsn ?? Number.MAX_VALUE) || a.version - b.version,
  );
}

/**
 * What is wrong with what recovery serves of a crash in the window: it must be what some prefix of the
 * operations makes of the initial contents, one that holds every acknowledged operation.
 */
export function problemOf(run: ModelRun, found: Contents, window: CrashWindow): string | undefined {
  const operations = effective(run);
  const acked = operations.findLastIndex(({ ackedAt }) => ackedAt <= window.last);
  const invoked = operations.findLastIndex(({ invokedAt }) => invokedAt <= window.first);
  const released = run.releases.filter(({ at }) => at <= window.last);
  const releasedLsn = Math.max(0, ...released.map(({ lsn }) => lsn));
  return prefixOf(run, found, acked, invoked, releasedLsn) === undefined
    ? `what is served is that of no prefix from operation ${acked} to ${invoked} of ${operations.length}`
    : undefined;
}

/** How many operations the contents are the effect of, from `acked + 1` to `invoked + 1`. */
export function prefixOf(
  run: ModelRun,
  found: Contents,
  acked: number,
  invoked: number,
  releasedLsn: number,
): number | undefined {
  const operations = effective(run);
  const blocks = new Map(run.initial.blocks);
  const appended = [...run.initial.appended];
  let releasable = appended.length;
  for (let index = 0; ; index++) {
    if (index > acked && isSame(blocks, found.blocks)) {
      if (isTailOf(found.appended, appended, releasable)) return index;
    }
    if (index > Math.max(acked, invoked) || index === operations.length) return undefined;
    const operation = operations[index]!;
    for (const [block, crc] of operation.blocks) blocks.set(block, crc);
    if (operation.appended === undefined) continue;
    appended.push(operation.appended);
    if ((operation.lsn ?? Infinity) <= releasedLsn) releasable = appended.length;
  }
}

export function isSame(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([block, crc]) => b.get(block) === crc);
}

/** The records are all from some place on, and only released ones are missing before it. */
function isTailOf(
  served: readonly string[],
  appended: readonly string[],
  releasable: number,
): boolean {
  const missing = appended.length - served.length;
  if (missing < 0 || missing > releasable) return false;
  return served.every((text, index) => text === appended[missing + index]);
}

/** After every operation that was not refused. */
export function finalContents(run: ModelRun): Contents {
  const blocks = new Map(run.initial.blocks);
  const appended = [...run.initial.appended];
  for (const operation of effective(run)) {
    for (const [block, crc] of operation.blocks) blocks.set(block, crc);
    if (operation.appended !== undefined) appended.push(operation.appended);
  }
  return { blocks, appended };
}
