import type { EngineFacts } from '../../harness/contract/index.ts';
import type { DurabilityPath } from './format/modes.ts';
import type { Calibration, Superblock } from './format/superblock.ts';

/** As much of a key's name as tells two keys apart. */
const keyIdBytesShown = 4;

/**
 * How an opened journal is kept, from its superblock, and how its writes become durable: the paths in
 * force, which an option may have chosen instead of the calibration. `dataPath` is undefined where the
 * data has no device of its own.
 */
export function journalFacts(
  superblock: Superblock,
  journalPath: DurabilityPath,
  dataPath: DurabilityPath | undefined,
): EngineFacts {
  const { mode, layout, doubleWrite, isStrict, keyId, durability } = superblock;
  return {
    mode,
    pageBytes: layout.pageBytes,
    atomicUnitBytes: layout.atomicUnitBytes,
    ringBytes: layout.extents.ring.byteCount,
    doubleWrite,
    strict: isStrict,
    encrypted: keyId !== undefined,
    ...(keyId && { keyIdBegins: Buffer.from(keyId.subarray(0, keyIdBytesShown)).toString('hex') }),
    ...pathFacts('journal', journalPath, durability.journal),
    ...(dataPath && pathFacts('data', dataPath, durability.data)),
  };
}

/** Medians only where both paths were measured, which is where there was a choice. */
function pathFacts(
  device: 'journal' | 'data',
  path: DurabilityPath,
  { fuaNs, flushNs }: Calibration,
): EngineFacts {
  return {
    [`${device}Durability`]: path,
    ...(fuaNs > 0 && { [`${device}FuaMedianNs`]: fuaNs }),
    ...(flushNs > 0 && { [`${device}FlushMedianNs`]: flushNs }),
  };
}
