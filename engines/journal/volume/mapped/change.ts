import { EngineRefusal } from '../../../../harness/contract/index.ts';
import {
  consumerMark,
  operationOf,
  ownDraft,
  type BlockData,
  type Operation,
  type Settlement,
} from '../../commit/operation.ts';
import { consumerNameBytesMax, type ConsumerMark } from '../../format/consumer-mark.ts';
import type { Layout } from '../../format/layout.ts';
import { mapChangeBytes, writeMapChange } from '../../format/payloads.ts';
import { recordTypes } from '../../format/record-types.ts';
import { recordHeaderBytes } from '../../format/record.ts';
import { viewOf } from '../../format/u64.ts';
import type { VolumeLog } from '../volume-mode.ts';

/** What one call changes, from its submission until it is acknowledged or refused. */
export interface Change {
  readonly blocks: readonly BlockData[];
  /** Places in the data area, one per block; empty until there is room. */
  places: Float64Array;
  /** Of the blocks; all 0 where nothing is known of when they arrive. */
  readonly dataDigests: Uint32Array;
  /** The pages of the map with its blocks are there. */
  isLoaded: boolean;
  /** Why they never will be. */
  obstacle: Error | undefined;
  /** The blocks are where they belong: durable in an ordered volume, written in the other. */
  hasArrived: boolean;
  /** The log did not take its record: the places are free again once the blocks have arrived. */
  isRefused: boolean;
  /** How far a consumer of appended records is when the change is durable. */
  readonly mark: ConsumerMark | undefined;
  /** Its record; undefined until it is queued. */
  operation: Operation | undefined;
  readonly settled: Settlement;
}

/** Of a mark, header and all, whatever the consumer's name. */
const markRecordBytesMax = recordHeaderBytes + 18 + consumerNameBytesMax;

/** Throws EngineRefusal `too-large`. */
export function checkChangeSize(
  blockCount: number,
  { spareBlocks }: Pick<Layout, 'spareBlocks'>,
  { recordBytesMax }: Pick<VolumeLog, 'recordBytesMax'>,
): void {
  if (blockCount > spareBlocks) {
    throw new EngineRefusal(
      'too-large',
      `${blockCount} blocks in one operation, expected at most spareBlocks, which is ${spareBlocks}`,
    );
  }
  const recordBytes = changeRecordBytes(blockCount);
  if (recordBytes <= recordBytesMax) return;
  throw new EngineRefusal(
    'too-large',
    `${blockCount} blocks in one operation take a record of ${recordBytes} bytes, expected at most ${recordBytesMax}, what a batch holds`,
  );
}

/** Most bytes of the records of a change, headers and all. */
function changeRecordBytes(blockCount: number): number {
  return recordHeaderBytes + blockCount * mapChangeBytes + markRecordBytesMax;
}

/**
 * One record, so that the blocks of the change move together or not at all. A mark is a second one;
 * records of an operation that fits in a batch stand in one batch, which is whole or not there.
 */
export function mapUpdate(
  { blocks, places, dataDigests, mark }: Change,
  settled: Settlement,
): Operation {
  const head = new Uint8Array(blocks.length * mapChangeBytes);
  const view = viewOf(head);
  for (const [index, { block }] of blocks.entries()) {
    const change = { block, physical: places[index]!, dataDigest: dataDigests[index]! };
    writeMapChange(view, index * mapChangeBytes, change);
  }
  const drafts = [ownDraft(recordTypes.mapUpdate, head)];
  if (mark !== undefined) drafts.push(consumerMark(mark, undefined));
  return operationOf(drafts, blocks, false, settled, { mark });
}
