import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { WalkedRecord } from './walk-log.ts';

/** The rule by which a log is found corrupt; R1 to R7 are JOURNAL-ENGINE §4.6. */
export type CorruptionRule = 'R1' | 'R2' | 'R3' | 'R7' | 'chain' | 'place' | 'record' | 'clean';

/** The refusal of a log in which acknowledged records are missing, or may be. */
export class LogCorruption extends EngineRefusal {
  readonly rule: CorruptionRule;

  constructor(rule: CorruptionRule, found: string) {
    super('corrupt', `${found} (rule ${rule})`);
    this.rule = rule;
  }
}

export function corruption(rule: CorruptionRule, found: string): EngineRefusal {
  return new LogCorruption(rule, found);
}

/** A whole record that cannot stand where it does. */
export function strayRecord(record: WalkedRecord, found: string): EngineRefusal {
  return corruption('record', `the record with LSN ${record.lsn} ${found}`);
}
