import { EngineRefusal } from '../../../harness/contract/index.ts';

/** The rule by which a log is found corrupt; R1 to R7 are JOURNAL-ENGINE §4.6. */
export type CorruptionRule = 'R1' | 'R2' | 'R3' | 'R7' | 'chain' | 'place' | 'record' | 'clean';

export function corruption(rule: CorruptionRule, found: string): EngineRefusal {
  return new EngineRefusal('corrupt', `${found} (rule ${rule})`);
}
