import {
  changesOf,
  type BlockNumber,
  type EventSeq,
  type Failure,
  type HexDump,
  type LedgerView,
  type Violation,
} from '../contract/index.ts';
import { ledgerWindowsOf } from '../drive/crash-windows.ts';
import { readStamp } from '../ledger/block-stamp.ts';
import { buildProof } from '../verify/proof.ts';
import { stampedPayload } from './drive-workload.ts';
import type { RoundExplorer } from './explore-round.ts';
import { findState, forksOf, parseStateId, type FoundState } from './find-state.ts';
import type { CellContext } from './run-scenario.ts';
import type { FoundViolation } from './tally.ts';

/** Failures explained in full, with proof and bytes; the rest are listed. */
const explainedMax = 10;

/** Tags are searched for in blocks of at most this size; smaller ones have fewer, and match too. */
const provenBlockBytes = 4096;

/**
 * Looks each of the worst failures up again and adds what a reader needs to believe it. One who has
 * interrupted the run waits for no more of that.
 */
export async function explainFailures(
  explorers: readonly RoundExplorer[],
  found: readonly FoundViolation[],
  context: Pick<CellContext, 'id' | 'directory' | 'signal'>,
): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  for (const [index, { state, violation }] of found.entries()) {
    const id = parseStateId(state);
    const explorer = explorers.find(({ evidence }) => evidence.round === id.round);
    const place =
      index < explainedMax && explorer !== undefined && !context.signal.aborted
        ? await findState(explorer, id)
        : undefined;
    failures.push({
      violation,
      state,
      reproduce: `powercut replay ${context.directory?.path ?? 'RUN_DIRECTORY'}#${context.id}:${state}`,
      ...(await explain(explorer, place, violation)),
    });
  }
  return failures;
}

type Explanation = Pick<Failure, 'proof' | 'expectedBytes' | 'foundBytes' | 'foundStamp'>;

async function explain(
  explorer: RoundExplorer | undefined,
  place: FoundState | undefined,
  violation: Violation,
): Promise<Explanation> {
  const nothing = { expectedBytes: undefined, foundBytes: undefined, foundStamp: undefined };
  if (explorer === undefined || place === undefined) return { proof: undefined, ...nothing };
  const { main, data } = explorer.geometries;
  const proof = buildProof(violation, place.ledger, place.history, cutOf(place, violation), {
    writeCache: main.writeCache,
    ...(data && { dataWriteCache: data.writeCache }),
    blockBytes: provenBlockBytes,
  });
  if (violation.place.kind !== 'block') return { proof, ...nothing };
  const { block } = violation.place;
  const found = await readBlock(explorer, place, block);
  return {
    proof,
    expectedBytes:
      found === undefined ? undefined : expectedBytes(place.ledger, violation, block, found.length),
    foundBytes: found === undefined ? undefined : dump(found),
    foundStamp: found === undefined ? undefined : readStamp(found, place.ledger.seed),
  };
}

/** The last event after which a cut leaves the state at the position where it is a violation. */
function cutOf({ state, history }: FoundState, { position }: Violation): EventSeq {
  const windows = ledgerWindowsOf(history, state);
  const cut = windows.find(({ window }) => window.last >= position) ?? windows.at(-1)!;
  return cut.lastSeq;
}

async function readBlock(
  explorer: RoundExplorer,
  place: FoundState,
  block: BlockNumber,
): Promise<Uint8Array | undefined> {
  const rig = explorer.boundedRig(
    forksOf(place.images),
    explorer.random.fork(`recover-${place.state.digest}`),
    place.ledger,
  );
  const { session } = await explorer.recoverOn(rig, place.ledger);
  if (session === undefined) return undefined;
  const bytes = new Uint8Array(session.space.blockBytes);
  try {
    await session.read(block, bytes);
  } catch {
    // The engine will not show this block; the violation says so already.
    return undefined;
  }
  return bytes;
}

function expectedBytes(
  ledger: LedgerView,
  violation: Violation,
  block: BlockNumber,
  blockBytes: number,
): HexDump | undefined {
  const entry = ledger.entries[(violation.ops[0] ?? 0) - 1];
  if (entry === undefined) return undefined;
  const index = changesOf(entry.op).findIndex((change) => change.block === block);
  if (index < 0) return undefined;
  const payload = stampedPayload(entry.op, {
    seed: ledger.seed,
    op: entry.id,
    writer: entry.writer,
    epoch: entry.epoch,
    blockBytes,
  });
  return dump(payload.subarray(index * blockBytes, (index + 1) * blockBytes));
}

function dump(bytes: Uint8Array): HexDump {
  return { byteOffset: 0, hex: Buffer.from(bytes).toString('hex') };
}
