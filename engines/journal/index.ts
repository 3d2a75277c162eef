export { journalAdapter as default } from './adapter.ts';
export { journalOptions, type JournalConfig, type JournalOptions } from './config.ts';
export { OutcomeUnknown } from './errors.ts';
export { formatJournal, type JournalDevices } from './format-journal.ts';
export { openJournal, type Journal, type JournalRecovery } from './journal.ts';
export type { AppendedRecord } from './volume/appended-records.ts';
