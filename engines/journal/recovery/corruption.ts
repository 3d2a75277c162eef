import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { WalkedRecord } from './walk-log.ts';

/** The rule by which a log is found corrupt; R1 to R7 are JOURNAL-ENGINE §4.6. */
export type CorruptionRule = 'R1' | 'R2' | 'R3' | 'R7' | 'chain' | 'place' | 'record' | 'clean';

export function corruption(rule: CorruptionRule, found: string): EngineRefusal {
  return new EngineRefusal('corrupt', `${found} (rule ${rule})`);
}

/** A whole record that cannot stand where it does. */
export function strayRecord(record: WalkedRecord, found: string): EngineRefusal {
  return corruption('record', `the record with LSN ${record.lsn} ${found}`);
}
