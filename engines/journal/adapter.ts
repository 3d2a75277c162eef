import type { EngineAdapter, EngineDevices } from '../../harness/contract/index.ts';
import { journalOptions, type JournalConfig } from './config.ts';
import { areasOf, contractFor } from './contract.ts';
import { formatJournal, type JournalDevices } from './format-journal.ts';
import { openConfigured } from './journal.ts';
import { JournalSession } from './session.ts';

/** The journal as an engine under test, with its data on the same device or on one of their own. */
export const journalAdapter: EngineAdapter<JournalConfig> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'journal',
  summary: 'Write-ahead log and journaled volume on a raw block device',
  supports: { ops: ['write', 'transaction', 'flush', 'append'], dataDevice: true },
  options: journalOptions,
  contractFor,
  areasOf,
  probe: async () => ({ available: true }),
  async format(devices, config, platform) {
    await formatJournal(journalDevices(devices), config, platform);
  },
  async open(devices, config, platform) {
    const startedNs = platform.clock.now();
    const journal = await openConfigured(journalDevices(devices), config, platform);
    return new JournalSession(journal, platform.clock.now() - startedNs);
  },
  async tools() {
    const { journalTools } = await import('./tools/index.ts');
    return journalTools;
  },
};

function journalDevices({ main, data }: EngineDevices): JournalDevices {
  return data === undefined ? { journal: main } : { journal: main, data };
}
