import type { EngineDevices } from '../../../harness/contract/index.ts';
import type { JournalDevices } from '../format-journal.ts';

export function journalDevices({ main, data }: EngineDevices): JournalDevices {
  return data === undefined ? { journal: main } : { journal: main, data };
}
