import type { EngineAdapter } from '../../harness/contract/index.ts';
import { journalOptions, type JournalConfig } from './config.ts';
import { areasOf, contractFor } from './contract.ts';
import { formatJournal } from './format-journal.ts';
import { openConfigured } from './journal.ts';
import { JournalSession } from './session.ts';

/** The journal as an engine under test, with journal and data on one device. */
export const journalAdapter: EngineAdapter<JournalConfig> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'journal',
  summary: 'Write-ahead log and journaled volume on a raw block device',
  supports: { ops: ['write', 'transaction', 'flush', 'append'] },
  options: journalOptions,
  contractFor,
  areasOf,
  probe: async () => ({ available: true }),
  async format(device, config, platform) {
    await formatJournal({ journal: device }, config, platform);
  },
  async open(device, config, platform) {
    const startedNs = platform.clock.now();
    const journal = await openConfigured({ journal: device }, config, platform);
    return new JournalSession(journal, platform.clock.now() - startedNs);
  },
};
